"""What a person may set about a Kustomer organisation."""

from __future__ import annotations

from typing import Literal

from msgspec import field

from mig.settings import Secret, Settings


class KustomerSettings(Settings, frozen=True, kw_only=True):
    """`[source]` with `name = "kustomer"`; in the environment every name stands after `KUSTOMER_`."""

    url: str
    """Where the API answers: https://ORG.api.kustomerapp.com, or the host of the organisation's region."""
    api_key: Secret
    """A machine user's API key with reading roles; it works in its own region only."""
    requests_per_minute: int = 1000
    """What the plan allows the whole organisation: 1000 Enterprise, 2000 Ultimate, 500 or 300 older plans."""
    searches_per_minute: int = 100
    """What all API keys may search together."""
    overlap_s: float = 600.0
    """How far before the last change seen the next run reads again: the search index lags behind."""
    full_email: bool = False
    """Ask for the original HTML of every e-mail, one request each; otherwise its text is what lists show."""
    file_origins: list[str] = field(default_factory=list)
    """Origins (https://host:port) files may be read from though they are private or not https."""
    foreign_media: Literal["move", "keep"] = "move"
    """Pictures in help articles that lie on other hosts than the source's: moved too, or left where they are."""
    timeout_s: float = 60.0
    """How long an answer may take; deep pages and searches are slow."""
    attempts: int = 6
    """How often a request is sent while the answers are 5xx, cut off or missing."""
    pause_s: float = 1.0
    """Seconds before the second attempt; each further pause is twice as long, up to a minute."""
    list_page: int = 100
    """Rows of a list asked for at once; the API allows 100."""
    search_page: int = 500
    """Rows of a search asked for at once; the API allows 500."""
    list_cap: int = 10_000
    """Rows the API shows of one list or search at most."""
    page_cap: int = 100
    """Pages the API shows of one search at most."""
    readers: int = 4
    """Conversations or e-mails asked for at the same time by one partition."""
    archived_files: Literal["auto", "shown", "ask"] = "auto"
    """Files of messages older than two years: shown by archive search, asked of every conversation, or found out."""
    customer_notes: bool = False
    """Also ask every old customer for notes older than two years, one request each, once lists do not show them."""
    article_page: int = 50
    """Help articles asked for at once, with their texts in one language each; the API allows 500."""
    article_drafts: bool = True
    """Also read drafts of help articles: one request for each article and language whose latest text is not public."""
    drafts: bool = False
    """Also ask every customer for messages that were begun and not sent, one request each."""
