"""What a sandbox may be asked for: its switches (what the API page leaves open, chosen) and its limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

SWITCHES = {
    "tier": "website | plugin | user: the tier of the key (default website)",
    "batches": "refuse | allow: whether website and plugin keys may call /batch/ (default refuse: 403)",
    "user_routes": "refuse | allow: whether those keys may create, save and delete inboxes and teams, and invite "
    "operators (default refuse: 403)",
    "without_scopes": "scopes the key lacks, separated by spaces, each whole (website:settings) or one side of it "
    "(website:settings=write); such calls answer 403; the "
    "helpdesk's are website:helpdesk:articles, :categories, :redirections, :settings and :locales (default none)",
    "subscribed": "yes | no: no answers 404 not_subscribed to a plugin key (default yes)",
    "repeat": "accept | ignore | conflict: a second message with a fingerprint of its conversation is stored too, is "
    "answered like the first and dropped, or answers 409 (default accept, the worst case)",
    "reopen": "user | any: which message makes a conversation unresolved, the customer's or any but a note (default "
    "user)",
    "state_events": "yes | no: whether a change of state, block or participants leaves an event message (default yes)",
    "user_note_visible": "yes | no: whether a note from the user makes a conversation visible (default no)",
    "stealth_user_visible": "yes | no: whether a stealthy message from the user does (default no)",
    "bind": "create | existing | no: what an e-mail set in metas does: bind to its profile, created if there is none; "
    "bind only to one that exists; nothing (default create)",
    "data_patch": "replace | merge: what PATCH of metas does to `data` (default replace)",
    "edit": "chat | any: where PATCH of a message works: in conversations whose origin is unset or chat, else 403, or "
    "in all (default chat)",
    "mark_included": "yes | no: whether timestamp_before and timestamp_after bring the mark itself (default no)",
    "message_page": "messages in a page (default 40)",
    "read_lag": "seconds for which GET and HEAD show an object as it was before a write (default 0)",
    "index_lag": "seconds for which text and segment search and suggestions do so, at least read_lag (default 0)",
    "max_text": "characters a text or note may have (default 10000)",
    "max_notepad": "characters a profile's notepad may have (default 10000)",
    "max_data_key": "characters a key of custom data may have (default 64)",
    "max_data_value": "characters a string of custom data may have (default 1000)",
    "max_query": "characters a search_query may have (default 10000)",
    "max_body": "bytes a body may have, else 413 (default 1000000)",
    "batch_max": "conversations or profiles a batch may name (default 50)",
    "transcript": "on | off: emails.transcript in the settings of the workspace (default off)",
    "rating": "on | off: emails.rating there (default off)",
    "lock_removal": "on | off: inbox.lock_removal there; on refuses DELETE of conversations with 403 (default off)",
    "helpdesk": "locale | tree | both | none: which API of the helpdesk the workspace speaks, the other one answering "
    "405; both keep apart what they hold; none: there is no helpdesk until the user tier initialises one, and every "
    "route of both answers 404 helpdesk_not_found (default locale)",
    "helpdesk_locales": "the locales it has to begin with, separated by spaces (default en)",
    "helpdesk_locales_max": "locales the plan holds, one more being 402; 0 for any number (default 0)",
    "helpdesk_page": "rows in a page of its lists (default 20)",
    "max_title": "characters a title or name in it may have (default 500)",
    "max_description": "characters a description may have (default 1000)",
    "max_content": "characters an article may have (default 500000)",
    "front_matter": "both | tree | no: in which API a body that begins with --- loses everything up to the next --- "
    "(default both)",
    "tidy": "yes | no: whether the body of an article is stored in a form of the platform's own: `-` for the `*` of "
    "lists, no space at its ends, a line end behind it (default no: as it was sent)",
    "table_rows": "rows under its head that a table shows on the public page (default 50)",
    "draft_url": "yes | no: whether the locale API tells the address of an article that is not published (default no)",
    "tree_file": "content | metadata | suffix: what makes a file of an entry of the tree: content put into it, a "
    "`format` in its metadata, or a path ending in .md or .mdx; until then it is of no known type (with suffix: a "
    "folder), and a folder once something is below it (default content)",
    "tree_suffix": "yes | no: whether paths of files, and only those, end in .md or .mdx; yes also with "
    "tree_file=suffix (default no: such a path is refused)",
    "tree_types": "the words for `type`: of a file, a folder, and what is neither yet (default file folder unknown)",
    "tree_actions": "the names of the actions that move and order (default move order)",
    "tree_exists": "conflict | accept: whether POST on a path that exists answers 409 path_exists or 201 and changes "
    "nothing (default conflict)",
    "tree_parent": "missing | create: whether POST below a path that does not exist answers 404 or makes the folders "
    "(default missing)",
    "tree_slug": "strict | any: whether parts of a path are [a-z0-9-] only (default strict: others are 400)",
    "tree_refresh": "yes | no: whether what is published shows on the public site only after a refresh (default no)",
    "endpoints": "reuse | once: whether a socket endpoint takes connections as long as it lives, or a single one "
    "(default reuse; the official client reconnects to the one it has)",
    "endpoint_life": "seconds of the sandbox's clock for which an endpoint that was handed out takes new connections "
    "(default 600)",
    "auth_wait": "seconds a socket may stay silent before it is closed (default 10)",
    "signed_life": "seconds of the sandbox's clock for which a signed upload URL is good (default 600)",
    "extensions": "what may be uploaded: extensions separated by spaces, or * for every name (default: images, audio, "
    "video, office, text and source files)",
    "refused_extension": "generate | put: who refuses a file of another extension, which is documented nowhere: the "
    "call for a URL with 400 invalid_data, or the upload with 403 (default generate)",
    "size_limit": "bytes a file may have, as policy.size_limit says and the upload enforces (default 10000000)",
    "size_limit_csv": "the same for text/csv (default 10000000)",
    "size_limit_gif": "the same for image/gif (default 3000000)",
    "size_limit_photo": "the same for image/jpeg, image/png and image/webp (default 12000000)",
    "event_loss": "share of the events with upload URLs that are never sent, 0 to 1 (default 0)",
    "event_twice": "share of them that are sent twice, 0 to 1 (default 0)",
    "event_delay": "seconds they come late (default 0)",
    "socket_events": "events after which a socket's connection is cut, 0 for never (default 0)",
    "put_fails": "share of uploads answered 503 without being stored, 0 to 1 (default 0)",
    "put_cuts": "share of uploads whose connection is cut in their middle, 0 to 1 (default 0)",
}
"""Every switch, what its words mean, and what it is when not given."""

_WORDS = {
    "tier": ("website", "plugin", "user"),
    "batches": ("refuse", "allow"),
    "user_routes": ("refuse", "allow"),
    "subscribed": ("yes", "no"),
    "repeat": ("accept", "ignore", "conflict"),
    "reopen": ("user", "any"),
    "state_events": ("yes", "no"),
    "user_note_visible": ("no", "yes"),
    "stealth_user_visible": ("no", "yes"),
    "bind": ("create", "existing", "no"),
    "data_patch": ("replace", "merge"),
    "edit": ("chat", "any"),
    "mark_included": ("no", "yes"),
    "transcript": ("off", "on"),
    "rating": ("off", "on"),
    "lock_removal": ("off", "on"),
    "helpdesk": ("locale", "tree", "both", "none"),
    "front_matter": ("both", "tree", "no"),
    "tidy": ("no", "yes"),
    "draft_url": ("no", "yes"),
    "tree_file": ("content", "metadata", "suffix"),
    "tree_suffix": ("no", "yes"),
    "tree_exists": ("conflict", "accept"),
    "tree_parent": ("missing", "create"),
    "tree_slug": ("strict", "any"),
    "tree_refresh": ("no", "yes"),
    "endpoints": ("reuse", "once"),
    "refused_extension": ("generate", "put"),
}
_SETS = ("without_scopes", "extensions")
_LISTS: dict[str, int | None] = {"helpdesk_locales": None, "tree_types": 3, "tree_actions": 2}
"""How many words each of these takes."""
_SECONDS = ("read_lag", "index_lag", "endpoint_life", "auth_wait", "signed_life", "event_delay")
_SHARES = ("event_loss", "event_twice", "put_fails", "put_cuts")

LOCALES = frozenset(
    (
        *("aa", "ab", "ae", "af", "ak", "am", "an", "ar", "as", "av", "ay", "az", "ba", "be", "bg", "bi", "bm", "bn"),
        *("bo", "br", "bs", "ca", "ce", "ch", "co", "cr", "cs", "cu", "cv", "cy", "da", "de", "dv", "dz", "ee", "el"),
        *("en", "eo", "es", "et", "eu", "fa", "ff", "fi", "fj", "fo", "fr", "fy", "ga", "gd", "gl", "gn", "gu", "gv"),
        *("ha", "he", "hi", "ho", "hr", "ht", "hu", "hy", "hz", "ia", "id", "ie", "ig", "ii", "ik", "io", "is", "it"),
        *("iu", "ja", "jv", "ka", "kg", "ki", "kj", "kk", "kl", "km", "kn", "ko", "kr", "ks", "ku", "kv", "kw", "ky"),
        *("la", "lb", "lg", "li", "ln", "lo", "lt", "lu", "lv", "mg", "mh", "mi", "mk", "ml", "mn", "mr", "ms", "mt"),
        *("my", "na", "nb", "nd", "ne", "ng", "nl", "nn", "no", "nr", "nv", "ny", "oc", "oj", "om", "or", "os", "pa"),
        *("pi", "pl", "ps", "pt", "qu", "rm", "rn", "ro", "ru", "rw", "sa", "sc", "sd", "se", "sg", "si", "sk", "sl"),
        *("sm", "sn", "so", "sq", "sr", "ss", "st", "su", "sv", "sw", "ta", "te", "tg", "th", "ti", "tk", "tl", "tn"),
        *("to", "tr", "ts", "tt", "tw", "ty", "ug", "uk", "ur", "uz", "ve", "vi", "vo", "wa", "wo", "xh", "yi", "yo"),
        *("za", "zh", "zu"),
    )
)
"""The codes of ISO 639-1: what a helpdesk takes for a locale."""

EXTENSIONS = frozenset(
    (
        *("jpg", "jpeg", "png", "gif", "webp", "svg", "bmp", "tif", "tiff", "heic", "ico"),
        *("mp3", "wav", "ogg", "oga", "m4a", "aac", "flac", "weba"),
        *("mp4", "mov", "avi", "webm", "mkv", "mpeg", "ogv", "3gp"),
        *("pdf", "txt", "csv", "json", "xml", "yaml", "yml", "md", "log", "rtf", "ics", "vcf", "eml"),
        *("doc", "docx", "xls", "xlsx", "ppt", "pptx", "odt", "ods", "odp", "pages", "numbers", "key"),
        *("py", "js", "ts", "rb", "php", "go", "rs", "java", "c", "h", "cpp", "cs", "css", "sql", "sh"),
    )
)
"""What may be uploaded unless the switch says otherwise: the kinds the API page names (section 8)."""


class Switches(Struct, frozen=True, kw_only=True):
    """The switches as chosen; `SWITCHES` says what each means."""

    tier: str = "website"
    batches: str = "refuse"
    user_routes: str = "refuse"
    without_scopes: frozenset[str] = frozenset()
    subscribed: bool = True
    repeat: str = "accept"
    reopen: str = "user"
    state_events: bool = True
    user_note_visible: bool = False
    stealth_user_visible: bool = False
    bind: str = "create"
    data_patch: str = "replace"
    edit: str = "chat"
    mark_included: bool = False
    message_page: int = 40
    read_lag: float = 0.0
    index_lag: float = 0.0
    max_text: int = 10_000
    max_notepad: int = 10_000
    max_data_key: int = 64
    max_data_value: int = 1_000
    max_query: int = 10_000
    max_body: int = 1_000_000
    batch_max: int = 50
    transcript: bool = False
    rating: bool = False
    lock_removal: bool = False
    helpdesk: str = "locale"
    helpdesk_locales: tuple[str, ...] = ("en",)
    helpdesk_locales_max: int = 0
    helpdesk_page: int = 20
    max_title: int = 500
    max_description: int = 1_000
    max_content: int = 500_000
    front_matter: str = "both"
    tidy: bool = False
    table_rows: int = 50
    draft_url: bool = False
    tree_file: str = "content"
    tree_suffix: bool = False
    tree_types: tuple[str, ...] = ("file", "folder", "unknown")
    tree_actions: tuple[str, ...] = ("move", "order")
    tree_exists: str = "conflict"
    tree_parent: str = "missing"
    tree_slug: str = "strict"
    tree_refresh: bool = False
    endpoints: str = "reuse"
    endpoint_life: float = 600.0
    auth_wait: float = 10.0
    signed_life: float = 600.0
    extensions: frozenset[str] = EXTENSIONS
    refused_extension: str = "generate"
    size_limit: int = 10_000_000
    size_limit_csv: int = 10_000_000
    size_limit_gif: int = 3_000_000
    size_limit_photo: int = 12_000_000
    event_loss: float = 0.0
    event_twice: float = 0.0
    event_delay: float = 0.0
    socket_events: int = 0
    put_fails: float = 0.0
    put_cuts: float = 0.0


def read_switches(given: Mapping[str, str]) -> Switches:
    """The switches asked for.

    Raises:
        ValueError: An unknown name, or a word or number it does not take.
    """
    chosen: dict[str, Any] = {}
    for name, value in given.items():
        if name not in SWITCHES:
            raise ValueError(f"switch {name!r} is unknown; known are {', '.join(SWITCHES)}")
        chosen[name] = _switch(name, value)
    return Switches(**chosen)


def _switch(name: str, value: str) -> Any:
    if name in _SETS:
        return frozenset(value.split())
    if name in _LISTS:
        return _list(name, value)
    if name in _WORDS:
        if value not in _WORDS[name]:
            raise ValueError(f"switch {name}={value!r}: {SWITCHES[name]}")
        return value in ("yes", "on") if set(_WORDS[name]) in ({"yes", "no"}, {"on", "off"}) else value
    try:
        amount = float(value) if name in _SECONDS or name in _SHARES else int(value)
    except ValueError:
        raise ValueError(f"switch {name}={value!r}: {SWITCHES[name]}") from None
    if amount < 0:
        raise ValueError(f"switch {name}={value!r} is negative")
    if name in _SHARES and amount > 1:
        raise ValueError(f"switch {name}={value!r} is a share, 0 to 1")
    return amount


def _list(name: str, value: str) -> tuple[str, ...]:
    words = tuple(value.split())
    wrong = [one for one in words if one not in LOCALES] if name == "helpdesk_locales" else []
    if wrong or len(set(words)) != len(words) or len(words) != (_LISTS[name] or len(words)):
        raise ValueError(f"switch {name}={value!r}: {SWITCHES[name]}")
    return words


class Plan(Struct, frozen=True):
    """What a plan of the platform holds."""

    creations: int
    """Conversations created in one window."""
    window_s: float
    participants: int
    """Participants a conversation may have."""
    notes: bool = True
    inboxes: bool = True
    search: bool = True
    """Segment and filter search."""


PLANS = {
    "free": Plan(10, 90.0, 1, notes=False, inboxes=False, search=False),
    "mini": Plan(15, 60.0, 3),
    "essentials": Plan(25, 60.0, 10),
    "plus": Plan(40, 60.0, 10),
}


class Limits(Struct, frozen=True, kw_only=True):
    """How fast and how much, as `--limits` spells it."""

    plan: str = "plus"
    paced: bool = False
    """Whether the plan's creation rate counts: only when the plan was named."""
    quota: int | None = None
    """Requests a day."""
    rate: int | None = None
    """Requests a second."""
    contacts: int | None = None
    """Profiles the plan holds."""
    scale: float = 1.0
    """How many times faster than life days and creation windows pass."""


def read_limits(spec: str) -> Limits:
    """The limits of `plan=plus,quota=10000,scale=60`; `rate=` and `contacts=` may stand beside them.

    Raises:
        ValueError: An unknown name or plan, or a number that is none.
    """
    chosen: dict[str, Any] = {}
    for part in filter(None, (piece.strip() for piece in spec.split(","))):
        name, equals, value = part.partition("=")
        if not equals or name not in ("plan", "quota", "rate", "contacts", "scale"):
            raise ValueError(f"--limits: {part!r} is not plan=, quota=, rate=, contacts= or scale=")
        if name == "plan":
            if value not in PLANS:
                raise ValueError(f"--limits: plan {value!r} is unknown; known are {', '.join(PLANS)}")
            chosen |= {"plan": value, "paced": True}
            continue
        try:
            chosen[name] = float(value) if name == "scale" else int(value)
        except ValueError:
            raise ValueError(f"--limits: {part!r} is not a number") from None
        if chosen[name] <= 0:
            raise ValueError(f"--limits: {part!r} must be more than 0")
    return Limits(**chosen)
