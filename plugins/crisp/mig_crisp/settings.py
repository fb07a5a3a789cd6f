"""Settings of a Crisp workspace: `[target]` in mig.toml, or CRISP_<NAME> in the environment."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from msgspec import Struct, field

from mig.settings import Secret, Settings


class HistoryRule(Struct, frozen=True, kw_only=True):
    """One `[[target.history]]`: how old threads are told; the first that fits a thread decides."""

    how: Literal["messages", "transcript"] = "transcript"
    """Every message, or one private note with the whole thread."""
    closed_before: datetime | None = None
    """Only closed threads whose last message is older (2023-01-01T00:00:00Z); none: any age."""
    channels: list[str] = field(default_factory=list)
    """Only threads on one of these channels, by the source's names; empty: all."""


class CrispSettings(Settings, frozen=True, kw_only=True):
    """Where the workspace is, what it may hold, and how unknowns of its API are decided."""

    identifier: str
    """The token's identifier."""
    key: Secret
    """The token's key."""
    website_id: str
    """The workspace: a UUID."""
    url: str = "https://api.crisp.chat/v1"
    """The API, with its version."""
    tier: Literal["website", "plugin", "user"] = "website"
    """What kind of token it is."""
    plan: str = ""
    """free, mini, essentials or plus; empty: asked of the API, and the slowest where that does not tell."""
    conversations_per_minute: float | None = None
    """How many conversations may be created; None: by the plan, 0: no limit (Crisp's support lifted it)."""
    daily_quota: int = 10_000
    """Requests per day of this token; 0: none."""
    segment: str = "mig"
    """A segment every conversation of the migration gets; empty: none."""
    files: str = "crisp"
    """Where files go: "crisp" (its bucket), "folder:PATH" (you serve it at `files_url`), "link" (the source's address,
    which dies with the source)."""
    files_url: str = ""
    """The public address of the folder of `files`."""
    upload_wait_s: float = 15.0
    """How long the event with an upload address may take before it is asked for again."""
    upload_attempts: int = 5
    """How often an upload is tried in one run."""
    upload_pause_s: float = 2.0
    """Seconds before an upload is tried a second time; each further pause is twice as long, up to 20 seconds."""
    socket_host: str = ""
    """A host Crisp's events may come from beside those of the API's own domain."""
    notes: Literal["thread", "contact", "both"] = "thread"
    """Where notes of a conversation go: into it, to its contact's notepad, or both."""
    contacts_without_email: Literal["archive", "placeholder"] = "archive"
    """A profile needs an e-mail: archive the contact, or make up an address nobody can write to."""
    outbound_only: Literal["note_from_user", "as_is"] = "note_from_user"
    """A conversation without a customer's message is invisible: open it with a note, or leave it so."""
    history: list[HistoryRule] = field(default_factory=list)
    """How old, closed threads are told: rules, one `[[target.history]]` each; without any, message by message."""
    max_transcript: int = 10_000
    """Characters of a note that holds a whole thread; a longer one is sent in numbered parts."""
    max_text: int = 2_000
    """Characters (UTF-16 units) of a message; longer text is sent in numbered parts."""
    max_value: int = 1_000
    """Characters of a value in conversation or people data; longer ones are archived."""
    max_notepad: int = 10_000
    """Characters of a contact's notepad."""
    max_original: int = 200_000
    """Characters of an e-mail's HTML kept beside its text; a longer one is left out."""
    spread_ties: bool = False
    """Give equal times one millisecond more, where that overtakes nothing."""
    escape_markdown: bool = False
    """Put a backslash before what the inbox could read as Markdown."""
    stealth_user_messages: bool = False
    """Mark customers' messages stealthy too: they could stay unseen by the team."""
    agents: str = ""
    """A CSV file that says which operator an agent is, where their e-mail addresses differ; `mig ids --agents` writes
    it to be filled in."""
    custom_objects: Literal["archive", "events"] = "archive"
    """Where custom objects go: into the archive only, or also onto their contact's timeline, dated now; events may
    start automated campaigns."""
    teams: Literal["archive", "create"] = "archive"
    """Make teams of the source's names, where the token may; else they stand in the conversations' data only."""
    helpdesk_api: Literal["auto", "tree", "locale"] = "auto"
    """Which of Crisp's two interfaces to a help centre this workspace speaks; auto: it is asked."""
    article_suffix: str = ""
    """What the path of an article ends with in the tree (".md"); no documentation says that it needs any."""
    help_locales: dict[str, str] = field(default_factory=dict)
    """The source's languages whose locale is not their first two letters: { en_gb = "en" }; "": not moved."""
    internal_articles: Literal["draft", "archive"] = "draft"
    """Articles only the desk may read: drafts, which no customer sees, or only in the archive."""
    language: Literal["en", "de", "fr", "es", "pt"] = "en"
    """What mig itself says on the desk is said in it: what was redacted, which file is missing, ratings, calls,
    transcripts."""
    rating_notes: bool = True
    """A private note at the time of each rating, beside the conversation's data."""
    timeout_s: float = 30.0
    """For connecting, sending, and each pause in an answer."""
    request_life_s: float = 60.0
    """How long after it was sent a request may still take effect."""
    read_lag_s: float = 10.0
    """How long a read may lag behind a write."""
