"""Small organisations of valid rows with hostile content, put together from a list of features, to be migrated whole.

    @given(organisations())
    def test_it_arrives(made: Hostile): made.write(path) ...

Every feature draws from short lists and says much by them, so that what fails shrinks to the features it takes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from desk_sample import Json

Pick = Callable[[st.SearchStrategy[Any]], Any]
ORG = "5f693e80f2a74de452e6b438"
BASE = "5f693e80f2a74de452e60b0b"
ROOT = "5f693e80f2a74de452e60c0c"
NOWHERE = "5f693e80f2a74de452edead0"
"""The id of no row."""
NOW = "2026-09-01T12:00:00.000Z"

_OTHERS_SAY = (
    "```\ncode without end",
    "| a | b |\n|---|---|\n| c |",
    "---",
    "***\n===",
    "# title\n\n> quote\n\n1. one",
    "${youtube}[x](y)",
    "${frame}[](javascript:alert(1))",
    '![](x) [a](b "c") <a@b.c> **_~~',
    "(1/3)\n",
    "{{customer.firstName}} [[sn.org.x]]",
    "\\",
    "\\u0000 %00 %s {} $1",
    "<script>alert(1)</script>&amp;&#0;<!--",
    "|||danger\n||info\n|tip",
)
_WE_SAY = (
    f"[mig kustomer:{ORG} contact/{NOWHERE}]",
    "[mig kustomer:x contact/1]",
    "[mig kustomer:x contact/]",
    "[mig]",
    "mig_source_id",
    f"2026-01-01T00:00:00Z Ada ({NOWHERE}):\nA note that is none.",
    "undated  (x):",
    f"kustomer:{ORG}/contact/{NOWHERE}/0",
    "hidden-mig-0",
)
"""What mig itself writes on the target."""
_NO_NAMES = ("", " ", "\n", "\t\r\n", "\0", "\u200b", "\ufeff", "\u2028", "\u202e", "\ud83d", "\udc00", "\u00a0")
_ODD_NAMES = (
    "a/b\\c",
    "../../etc/passwd",
    "..",
    ".",
    "/",
    "C:\\con.txt",
    "a\0b",
    "\u202egpj.exe\u202c",
    "half \ud83d",
    "\udc00 other half",
    "\ud800\ud800",
    "\x1b[31mred\x7f\x85",
    "e\u0301" * 3,
    "z" + "\u0335\u0321" * 200,
    "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "名前",
    "\u05e9\u05dc\u05d5\u05dd",
    "null",
    "__proto__",
    "constructor",
    "true",
    "0",
    "-0",
    "a" * 10_000,
    "名" * 10_000,
    "\U0001f600" * 5_000,
    " lead and trail ",
)
NAMES = st.sampled_from((*_ODD_NAMES, *_NO_NAMES, *_OTHERS_SAY, *_WE_SAY))
TEXTS = NAMES | st.sampled_from(
    (
        "word " * 60_000,
        "x" * 300_000,
        "\U0001f600" * 75_000,
        "\n" * 5_000,
        "a\n" * 20_000,
        "```" * 3_000,
        "*" * 5_000,
        "[" * 5_000,
        "> " * 2_000,
        "<" * 20_000,
        "&" * 20_000,
        "\0" * 3_000,
        "http://" * 3_000,
        "a@" * 5_000,
        "\u202e" * 3_000,
    )
)
WEBSITES = st.sampled_from(
    ("", "x", "javascript:alert(1)", "http://[", "https://" + "a" * 3000, "//x", "data:,", "file:/etc/passwd", "\0")
)
MAILS = st.sampled_from(
    (
        "ada@example.org",
        "ADA@example.org",
        "a.d.a@example.org",
        "ada+x@example.org",
        " ada@example.org ",
        "ada@EXAMPLE.org",
        "no address",
        "@",
        "a@b",
        "ä@müller.example",
        "a\0@example.org",
        "half\ud83d@example.org",
        "a" * 300 + "@example.org",
        "a/../b@example.org",
        '"a b"@example.org',
        "a@b@c.example",
        "",
        "a%2f@example.org",
        "a?b#c@example.org",
        "\u202eada@example.org",
    )
)
DATES = st.sampled_from(
    (
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59.999Z",
        "9999-12-31T23:59:59.999-12:00",
        "1969-12-31T23:59:59.999Z",
        "1970-01-01T00:00:00Z",
        "2026-02-28T23:59:60Z",
        "2026-01-01T00:00:00+05:45",
        "2026-01-01T00:00:00.123456789Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01",
        "2026-W01-1",
        "2026-01-01T00:00:00",
        "2026-01-01T00:00:00+23:59",
        "2038-01-19T03:14:08Z",
        "2262-04-11T23:47:16.854Z",
        NOW,
    )
)
NUMBERS = st.sampled_from(
    (0, -0.0, 1e308, -1e308, 5e-324, 2**63, -(2**63) - 1, 2**53 + 1, 2**64, 10**400, 0.1 + 0.2, -1, "1e999", "NaN", "١")
)
FLAGS = st.sampled_from((True, False, "true", "false", "no", 0, 1, None, ""))
NOT_GONE = st.sampled_from((False, 0, None, ""))
"""Of what lists show: they leave out what is deleted, in whatever words, and only a search of changes brings it."""
LANGUAGES = st.sampled_from(
    ("", "x", "zh_hant_tw", "en-US", "en_us", "EN_US", "en", "de", "deu", "../x", "a" * 300, "\0", "de\ud83d", "名")
)
SLUGS = st.sampled_from(
    ("", "a-b", "a_b", "a b", "A-B", "..", "a/b", "名", "\ud83d", "x" * 2_000, "index", "a-b-0123456")
)
HASHES = st.sampled_from(("", "580b752b9", "580B752B9", "580b752b9.de", "a/b", "x" * 500, "名", "0", "\0"))
KEYS = (
    "a B",
    "a-b",
    "a_b",
    "a b",
    "aB",
    "AB",
    "名前",
    "名",
    "",
    " ",
    ".",
    "..",
    "a.b",
    "a/b",
    "\0",
    "\ud83d",
    "$x",
    "k" * 999,
)
VALUES = st.one_of(
    NUMBERS,
    FLAGS,
    NAMES,
    DATES,
    st.sampled_from(([], {}, [[[[]]]], [None, "", 0], {"a": {"a": {"a": 1}}}, {"": ""}, ["x" * 5_000] * 20)),
)
DIVS, ROWS = 5_000, 2_000
PAGES = st.sampled_from(
    (
        "",
        " ",
        "<div>" * DIVS + "deep" + "</div>" * DIVS,
        "<ul><li>" * 400 + "deep",
        "<blockquote>" * 500 + "deep",
        "<b><i>" * 2_000 + "bold",
        "<table>" + "<tr><td>a</td><td>b | c</td></tr>" * ROWS + "</table>",
        "<table><tr>" + "<td>x</td>" * 64 + "</tr></table>",  # of more the converter joins the last, and says so
        "<table><tr><td>" * 60 + "nested",
        '<img src="data:image/png;base64,' + "iVBORw0KGgo" * 95_000 + '">',
        '<img src="data:text/html,<script>">' * 3,
        '<img src="data:image/png;base64,%%%"><img src="data:,"><img src="">',
        '<p>x</p><a href="' + "x" * 20_000 + '">far</a>',
        '<a href="javascript:alert(1)">x</a><a href="http://[">y</a><a href="../../..">z</a>',
        '<a href="https://kb.example.com/de/a-b-580b752b9">one</a>' * 3,
        "<p>half \ud83d and \0 and \u202e</p>",
        "<" * 20_000,
        "&" * 20_000,
        "&#0;&#xD800;&#x110000;&bogus;",
        "<!--" * 3_000,
        "<![CDATA[x]]><?php echo 1 ?><!doctype",
        "<p " + "a='1' " * 5_000 + ">attributes</p>",
        "<x-" + "y" * 5_000 + ">strange</x>",
        "<pre>" + "```\n" * 2_000 + "</pre>",
        "<p>" + "word " * 60_000 + "</p>",
        "<p>" + "</p><p>" * 5_000 + "</p>",
        "<iframe src='https://www.youtube.com/embed/x'></iframe>" * 20,
        "<iframe srcdoc='<script>'></iframe><object data=x><embed src=y><svg><math>",
        "<style>" + "p{}" * 9_000 + "</style><script>" + "x" * 9_000 + "</script>",
        *("<p>" + one + "</p>" for one in (*_OTHERS_SAY, *_WE_SAY)),
        *_OTHERS_SAY,
    )
)
FILES = st.sampled_from(
    (
        *_ODD_NAMES,
        *_NO_NAMES,
        "n" * 1_000,
        "n" * 1_000 + ".pdf",
        "名" * 1_000 + ".png",
        "a.b" * 333,
        "con",
        "a?.txt",
        "~",
    )
)


class Hostile:
    """An organisation in the making."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, Json]] = []
        self.features: list[str] = []
        self._made = 0
        self.user = self.add("users", "user", {"name": "Ada", "email": "ada@desk.example", "userType": "user"})
        self.customer = self.person(name="Grace", emails=[{"type": "home", "email": "grace@example.org"}])
        self.talk = self.conversation()
        self.said(preview="Hello.")
        self.add(
            "kb_knowledge_bases", "kb_knowledge_base", {"name": "Help", "default": True, "langs": ["de"]}, id_=BASE
        )
        self.category(id_=ROOT, root=True, parent=None)

    def __repr__(self) -> str:
        return f"Hostile({', '.join(self.features)})"

    def add(self, kind: str, type_: str, attributes: Json, relations: Mapping[str, Any] = {}, *, id_: str = "") -> str:
        """Add a row. Returns: its id."""
        self._made += 1
        id_ = id_ or f"6a{self._made:022x}"
        related = {name: to(name, one) for name, one in relations.items()} | {"org": to("org", ORG)}
        at = {"createdAt": NOW, "updatedAt": NOW, "modifiedAt": NOW, **attributes}
        path = f"/v1/{kind.replace('kb_', 'kb/')}/{id_}"
        row = {"type": type_, "id": id_, "attributes": at, "relationships": related, "links": {"self": path}}
        self.lines.append((kind, row))
        return id_

    def person(self, company: str = "", **at: Any) -> str:
        return self.add("customers", "customer", at, {"company": company} if company else {})

    def conversation(self, customer: str | None = None, **at: Any) -> str:
        said = {"name": "A thread", "status": "open", "channels": ["chat"], "direction": "in", **at}
        return self.add("conversations", "conversation", said, {"customer": customer or self.customer})

    def said(self, talk: str = "", relations: Mapping[str, Any] = {}, **at: Any) -> str:
        """A message."""
        when = {"sentAt": self._moment(), "status": "received"}
        attributes = {"preview": "x", "channel": "chat", "direction": "in", **when, **at}
        related = {"conversation": talk or self.talk, "customer": self.customer, **relations}
        return self.add("messages", "message", attributes, related)

    def noted(self, talk: str | None = "", relations: Mapping[str, Any] = {}, **at: Any) -> str:
        """A note; of a customer alone, where `talk` is None."""
        home = {} if talk is None else {"conversation": talk or self.talk}
        related = {**home, "customer": self.customer, "createdBy": self.user, **relations}
        return self.add("notes", "note", {"body": "x", "createdAt": self._moment(), **at}, related)

    def _moment(self) -> str:
        """A second after what was made before: of one millisecond no more can be read back than two pages show."""
        return (datetime(2026, 9, 1, 12) + timedelta(seconds=self._made)).isoformat(timespec="milliseconds") + "Z"

    def file(self, name: Any, **at: Any) -> None:
        """A message with a file."""
        id_ = f"6b{self._made:022x}"
        owner = self.said(preview="", relations={"attachments": [id_]})
        attributes = {"name": name, "contentType": "text/plain", "contentLength": 9, "redacted": False, **at}
        self.add("attachments", "attachment", attributes, {"message": owner}, id_=id_)
        self.lines[-1][1]["links"] = {"self": f"/v1/messages/{owner}/attachments/{id_}"}

    def category(self, id_: str = "", parent: str | None = ROOT, langs: Any = None, **at: Any) -> str:
        told = {"de": {"title": "Regal", "slug": "regal"}} if langs is None else langs
        said = {"hash": "32b862891", "parent": parent, "published": True, "knowledgeBase": BASE, "langs": told, **at}
        return self.add("kb_categories", "kb_category", said, {"knowledgeBase": BASE}, id_=id_)

    def article(self, texts: Mapping[str, Json], shelves: Sequence[Any] = (), **at: Any) -> str:
        """An article with a version in each language."""
        self._made += 1
        id_ = f"6c{self._made:022x}"
        versions: Json = {}
        for language, said in texts.items():
            shown = {"article": id_, "lang": language, "status": "published", "scope": "public", "version": 1, **said}
            one = self.add("kb_versions", "kb_article_version", shown, {"article": id_})
            versions[language] = {"currentVersion": {"id": one}, "latestVersion": {"id": one}}
        source = next(iter(texts), "")
        standing = [{"id": one, "knowledgeBase": BASE} for one in shelves]
        attributes = {
            "hash": f"{self._made:09x}",
            "title": "An article",
            "source": source,
            "status": "published",
            "scope": "public",
            "categories": standing,
            "knowledgeBases": [{"id": BASE, "featured": False}],
            "langVersions": versions,
            **at,
        }
        return self.add("kb_articles", "kb_article", attributes, {"createdBy": self.user}, id_=id_)

    def write(self, path: Path) -> None:
        """As a dataset; half characters as escapes."""
        lines = [json.dumps({"kind": kind, "resource": row}) + "\n" for kind, row in self.lines]
        path.write_text("".join(lines), encoding="ascii")


def to(name: str, other: Any) -> Json:
    """A relationship to one row, or to several."""
    if isinstance(other, list):
        return {"data": [{"type": name.removesuffix("s"), "id": one} for one in other]}
    return {"data": {"type": name, "id": other}}


# ---- features --------------------------------------------------------------------------------------------------------


def odd_names(made: Hostile, pick: Pick) -> None:
    company = made.add("companies", "company", {"name": pick(NAMES)})
    made.customer = made.person(
        company, name=pick(NAMES), displayName=pick(NAMES), emails=[{"email": "odd@example.org"}]
    )
    made.user = made.add("users", "user", {"name": pick(NAMES), "displayName": pick(NAMES), "email": "o@desk.example"})
    for kind, type_ in (("teams", "team"), ("queues", "queue"), ("tags", "tag")):
        named = made.add(kind, type_, {"name": pick(NAMES), "displayName": pick(NAMES)})
        at: Json = {"tags": [named]} if kind == "tags" else {"assignedTeams": [named]}
        talk = made.conversation(name=pick(NAMES), **at, assignedUsers=[made.user])
        made.said(talk, {"createdBy": made.user}, direction="out", subject=pick(NAMES))
        made.noted(talk)


def large_customs(made: Hostile, pick: Pick) -> None:
    custom = {f"field{n}Str": f"value {n}" for n in range(200)} | {f"n{n}Num": n for n in range(200)}
    company = made.add("companies", "company", {"name": "Large", "custom": custom})
    made.customer = made.person(company, name="Large", custom=custom, emails=[{"email": "large@example.org"}])
    made.said(made.conversation(custom=custom), custom=custom)


def odd_customs(made: Hostile, pick: Pick) -> None:
    custom = {key: pick(VALUES) for key in KEYS}
    definitions = {key: {"displayName": pick(NAMES), "type": "string"} for key in KEYS}
    for owner in ("customer", "conversation", "message", "company"):
        made.add("metadata", "metadata", {"properties": definitions}, id_=owner)
    company = made.add("companies", "company", {"name": "Odd Ltd", "custom": custom})
    made.customer = made.person(company, name="Odd", custom=custom, emails=[{"email": "customs@example.org"}])
    made.said(made.conversation(custom=custom), custom=custom, meta=custom)


def empty_everything(made: Hostile, pick: Pick) -> None:
    for kind, type_ in _TYPES.items():
        at = {} if pick(st.booleans()) else {"createdAt": None, "updatedAt": None, "modifiedAt": None}
        made.add(kind, type_, at)
        made.lines[-1][1]["relationships"] = {}
    made.said(made.conversation(made.person()), preview=None, channel="", meta=None, sentAt=None)


def nothing_where_rows_are(made: Hostile, pick: Pick) -> None:
    for kind, type_ in _TYPES.items():
        id_ = made.add(kind, type_, {})
        made.lines[-1] = (kind, {"type": type_, "id": id_, "attributes": {}, "relationships": {}, "links": {}})


def dangling(made: Hostile, pick: Pick) -> None:
    made.said(NOWHERE, {"createdBy": NOWHERE, "attachments": [NOWHERE]})
    made.said("", {"createdBy": NOWHERE, "customer": NOWHERE, "attachments": [NOWHERE]}, direction="out")
    made.noted(NOWHERE)
    made.noted(None, {"customer": NOWHERE, "createdBy": NOWHERE})
    at = {"tags": [NOWHERE], "assignedUsers": [NOWHERE], "assignedTeams": [NOWHERE], "linkedConversations": [NOWHERE]}
    made.said(made.conversation(NOWHERE, **at))
    made.person(NOWHERE, name="Dangling", tags=[NOWHERE], emails=[{"email": "dangling@example.org"}])
    made.article(
        {"de": {"title": "T", "htmlBody": "x"}}, [NOWHERE], langVersions={"de": {"currentVersion": {"id": NOWHERE}}}
    )
    made.add("kb_versions", "kb_article_version", {"article": NOWHERE, "lang": "de"}, {"article": NOWHERE})
    made.add("kobjects", "kobject.gone", {"title": "x"}, {"customer": NOWHERE, "klass": "gone"})


def long_bodies(made: Hostile, pick: Pick) -> None:
    for way in ("in", "out"):
        made.said(preview=pick(TEXTS), direction=way, relations={"createdBy": made.user} if way == "out" else {})
    made.said(made.conversation(channels=["email"]), channel="email", subject=pick(TEXTS), preview=pick(TEXTS))
    made.noted(body=pick(TEXTS))
    made.noted(None, body=pick(TEXTS))


def imitations(made: Hostile, pick: Pick) -> None:
    """Texts that look like what mig writes itself."""
    ours = st.sampled_from(_WE_SAY)
    # Not what begins a block of ours: its reader takes what follows for the block (known-limits.md).
    lines = st.sampled_from([one for one in _WE_SAY if ":\n" not in f"{one}\n"])
    made.noted(None, body=pick(lines))
    made.noted(None, body=f"{pick(lines)}\n\n{pick(lines)}")
    made.said(made.conversation(name=pick(ours)), preview=pick(ours), subject=pick(ours))
    made.article({"de": {"title": pick(ours), "htmlBody": pick(ours), "metaDescription": pick(ours)}})
    at: Json = {"custom": {"source": pick(ours), "source_id": pick(ours), "mig": pick(ours)}}
    made.customer = made.person(name=pick(ours), emails=[{"email": "ours@example.org"}], **at)
    made.noted(None, body=pick(lines))
    made.said(made.conversation(**at), **at)


def same_addresses(made: Hostile, pick: Pick) -> None:
    for number in range(4):
        mails = [{"type": "home", "email": pick(MAILS)} for _ in range(number % 2 + 1)]
        customer = made.person(
            name=f"Double {number}", emails=mails, externalId="same", phones=[{"phone": pick(NAMES)}]
        )
        made.said(made.conversation(customer), {"customer": customer})
        made.noted(None, {"customer": customer}, body=f"of {number}")


def odd_people(made: Hostile, pick: Pick) -> None:
    site, text, number = pick(WEBSITES), pick(NAMES), pick(NUMBERS)
    at = {
        "avatarUrl": site,
        "urls": [{"url": site}, {"url": text}],
        "phones": [{"phone": text}, {"phone": "+49" + "1" * 500}],
        "socials": [{"type": text, "username": text, "userid": number, "url": site}],
        "locations": [{"address": text, "cityName": text, "countryCode": text, "latitude": number}],
        "locale": pick(LANGUAGES),
        "timeZone": text,
        "gender": pick(st.sampled_from(("m", "f", "x", "", "male"))),
        "birthdayAt": pick(DATES),
        "lastSeenAt": pick(DATES),
        "externalId": text,
        "deleted": pick(NOT_GONE),
        "domains": [{"domain": text}],
        "employeeCount": number,
    }
    company = made.add("companies", "company", {**at, "name": text})
    made.customer = made.person(company, **{**at, "name": text, "emails": [{"email": "people@example.org"}]})
    made.said(made.conversation())


def deep_tree(made: Hostile, pick: Pick) -> None:
    above = ROOT
    for level in range(30):
        langs = {"de": {"title": pick(NAMES) if level % 7 == 0 else f"Ebene {level}", "slug": "ebene"}}
        above = made.category(parent=above, langs=langs)
    made.article({"de": {"title": "Unten", "htmlBody": "<p>tief</p>"}}, [above])


def circles(made: Hostile, pick: Pick) -> None:
    ids = [f"6d{n:022x}" for n in range(5)]
    parents = pick(st.permutations(range(5)))
    for number, id_ in enumerate(ids):
        langs = {"de": {"title": "Kreis", "slug": "kreis"}, "en_us": {"title": "Circle"}}
        made.category(id_=id_, parent=ids[parents[number]], langs=langs)
        made.article({"de": {"title": f"Im Kreis {number}", "htmlBody": "rund"}}, [id_])


def odd_shelves(made: Hostile, pick: Pick) -> None:
    other = made.add("kb_knowledge_bases", "kb_knowledge_base", {"name": pick(NAMES), "default": False, "langs": []})
    there = made.category(knowledgeBase=other, parent=None, langs={"de": {"title": pick(NAMES), "slug": pick(SLUGS)}})
    nameless = made.category(langs=pick(st.sampled_from(({}, {"de": {}}, {"de": None}, {"": {"title": "x"}}))))
    shelves = pick(
        st.lists(st.sampled_from((there, nameless, ROOT, NOWHERE, "", BASE)), max_size=4)
        | st.sampled_from(([None], [5], [[]], [there] * 30))
    )
    made.article({"de": {"title": "Irgendwo", "htmlBody": "<p>x</p>"}}, shelves, knowledgeBases=[{"id": other}])
    made.article({"de": {"title": "Nirgends", "htmlBody": "<p>x</p>"}}, categories=None, knowledgeBases=None)


def same_paths(made: Hostile, pick: Pick) -> None:
    for _ in range(3):
        same = {"title": pick(NAMES), "slug": pick(SLUGS)}
        shelf = made.category(hash=pick(HASHES), langs={"de": same, "en_us": same})
        texts = {language: {**same, "htmlBody": "<p>x</p>"} for language in ("de", "en_us")}
        for _ in range(2):
            made.article(texts, [shelf], hash=pick(HASHES), title=pick(NAMES))


def odd_languages(made: Hostile, pick: Pick) -> None:
    names = pick(st.lists(LANGUAGES, min_size=2, max_size=5, unique=True))
    shelf = made.category(langs={name: {"title": f"In {name}", "slug": "s"} for name in names})
    made.article({name: {"title": f"T {name}", "slug": "s", "htmlBody": "<p>x</p>"} for name in names}, [shelf])
    made.said(made.conversation(defaultLang=pick(LANGUAGES), locale=pick(LANGUAGES)), lang=pick(LANGUAGES))


def bombs(made: Hostile, pick: Pick) -> None:
    for number in range(3):
        said = {"title": pick(NAMES), "slug": f"b{number}", "metaDescription": pick(NAMES), "htmlBody": pick(PAGES)}
        made.article({"de": said}, metaKeywords=[pick(NAMES)], tags=[pick(NAMES)])


def odd_files(made: Hostile, pick: Pick) -> None:
    for _ in range(4):
        made.file(
            pick(FILES), contentType=pick(st.sampled_from(("", "text/plain", "x", "a/" + "b" * 999, "text/\0", "名")))
        )
    made.file("redacted.png", redacted=True)
    made.file("none.png", contentLength=0, uploaded=False)


def odd_times(made: Hostile, pick: Pick) -> None:
    def at() -> Json:
        return {"createdAt": pick(DATES), "updatedAt": pick(DATES), "modifiedAt": pick(DATES)}

    made.customer = made.person(name="Times", emails=[{"email": "times@example.org"}], **at())
    talk = made.conversation(lastMessageAt=pick(DATES), endedAt=pick(DATES), ended=True, **at())
    for way in ("in", "in", "out"):
        made.said(talk, direction=way, sentAt=pick(DATES), **at())
    made.noted(talk, **at())
    made.noted(None, **at())
    made.article({"de": {"title": "Zeit", "htmlBody": "<p>x</p>", "publishedAt": pick(DATES), **at()}}, **at())
    made.category(**at())


def odd_states(made: Hostile, pick: Pick) -> None:
    words = st.sampled_from(("open", "snoozed", "done", "", "DONE", "unheard", "closed"))
    for _ in range(3):
        talk = made.conversation(
            status=pick(words),
            spam=pick(FLAGS),
            deleted=pick(NOT_GONE),
            priority=pick(NUMBERS),
            direction=pick(st.sampled_from(("in", "out", "", "up"))),
            channels=pick(st.sampled_from(([], ["email"], ["chat", "voice", "carrier-pigeon"], [""], ["\ud83d"]))),
            snooze={"status": "scheduled", "time": pick(DATES)},
            satisfactionLevel={
                "rating": pick(NUMBERS),
                "score": pick(NUMBERS),
                "firstAnswer": pick(TEXTS),
                "answers": [{"answer": pick(NAMES)}],
                "formResponse": NOWHERE,
                "form": NOWHERE,
                "createdAt": pick(DATES),
            },
            messageCount=pick(NUMBERS),
        )
        channel = pick(st.sampled_from(("chat", "email", "voice", "instagram-comment", "form", "", "名", "\ud83d")))
        call = {
            "from": pick(NAMES),
            "to": [pick(NAMES)],
            "placedAt": pick(DATES),
            "externalRecordingUrl": pick(WEBSITES),
        }
        made.said(talk, channel=channel, auto=pick(FLAGS), redacted=pick(FLAGS), meta=call, direction="in")
        made.said(talk, channel=channel, direction="out", status="error", error={"title": pick(NAMES)})


def ties(made: Hostile, pick: Pick) -> None:
    talk = made.conversation()
    for number in range(12):
        text = pick(NAMES) if number == 5 else "same"
        made.said(talk, preview=text, direction=("in", "out")[number % 2], sentAt=NOW, createdAt=NOW)
        made.noted(talk, body="same", createdAt=NOW)


def odd_office(made: Hostile, pick: Pick) -> None:
    """Everything that is configuration."""
    text, value = pick(TEXTS), pick(VALUES)
    name = {"name": pick(NAMES), "description": text, "enabled": pick(FLAGS), "deleted": pick(FLAGS)}
    criteria = {"criteria": {"and": [{pick(NAMES): {"operator": text, "value": value}}], "or": [value]}}
    made.add(
        "shortcuts", "shortcut", {**name, "draft": {"text": text}, "payload": {"text": value}}, {"parent": NOWHERE}
    )
    made.add("shortcut_categories", "shortcut_category", name)
    version = made.add("sla_versions", "sla_version", {**name, **criteria, "metrics": {"firstResponse": value}})
    made.add("slas", "sla", {"currentVersion": pick(NUMBERS)}, {"versions": [version, NOWHERE]})
    made.add("business_rules", "business_rule", {**name, **criteria, "actions": [value], "trigger": text})
    made.add("workflows", "workflow", {**name, "steps": [value], "trigger": {"eventName": text}})
    made.add("searches", "search", {**name, "data": {"and": [value], "queryContext": text}, "teamVisibilities": value})
    made.add("hooks_web", "hook", {**name, "title": text, "url": pick(WEBSITES), "hash": pick(HASHES)})
    made.add("hooks_email", "hook", {**name, "email": pick(MAILS), "key": text})
    made.add("outbound_webhooks", "outbound_webhook", {**name, "url": pick(WEBSITES), "events": [value]})
    for account in (pick(MAILS), pick(MAILS)):
        made.lines.append(
            ("outbound_accounts", {"type": "outbound_account", "attributes": {"channel": "email", "account": account}})
        )
    made.add("satisfaction_forms", "satisfaction", {**name, "scale": value, "questions": [value]})
    made.add("snippets", "snippet", {**name, "value": {pick(LANGUAGES): text}})
    made.add("brands", "brand", {**name, "iconUrl": pick(WEBSITES)})
    made.add("schedules", "schedule", {**name, "hours": value})
    made.add("queue_rules", "queue_rule", {**name, **criteria}, {"queue": NOWHERE})
    made.add("kb_tags", "kb_tag", name)
    made.add("kb_routes", "kb_route", {**name, "path": text})
    made.add("kb_forms", "kb_form", {**name, "fields": [value]})


def odd_objects(made: Hostile, pick: Pick) -> None:
    made.add(
        "klasses", "klass", {"name": "order", "displayName": pick(NAMES), "status": "enabled", "icon": pick(NAMES)}
    )
    made.add("metadata", "metadata", {"properties": {key: {"displayName": key} for key in KEYS}}, id_="kobject.order")
    for _ in range(2):
        at = {"title": pick(NAMES), "description": pick(TEXTS), "externalId": pick(NAMES), "data": {"x": pick(VALUES)}}
        custom = {key: pick(VALUES) for key in KEYS[:4]}
        related = {"customer": made.customer, "klass": "order"}
        made.add("kobjects", "kobject.order", {**at, "custom": custom, "images": [pick(WEBSITES)]}, related)


_TYPES = {
    **dict.fromkeys(("customers",), "customer"),
    "companies": "company",
    "conversations": "conversation",
    "messages": "message",
    "notes": "note",
    "tags": "tag",
    "users": "user",
    "teams": "team",
    "queues": "queue",
    "klasses": "klass",
    "kb_knowledge_bases": "kb_knowledge_base",
    "kb_categories": "kb_category",
    "kb_articles": "kb_article",
    "shortcuts": "shortcut",
    "slas": "sla",
    "business_rules": "business_rule",
    "searches": "search",
    "hooks_web": "hook",
    "satisfaction_forms": "satisfaction",
}
FEATURES: Sequence[Callable[[Hostile, Pick], None]] = (
    odd_names,
    large_customs,
    odd_customs,
    empty_everything,
    nothing_where_rows_are,
    dangling,
    long_bodies,
    imitations,
    same_addresses,
    odd_people,
    deep_tree,
    circles,
    odd_shelves,
    same_paths,
    odd_languages,
    bombs,
    odd_files,
    odd_times,
    odd_states,
    ties,
    odd_office,
    odd_objects,
)


@st.composite
def organisations(draw: st.DrawFn, least: int = 8) -> Hostile:
    """An organisation with several of the features.

    Args:
        draw: Hypothesis's.
        least: How many features at least.
    """
    made = Hostile()
    for feature in draw(st.lists(st.sampled_from(FEATURES), min_size=least, unique=True)):
        made.features.append(feature.__name__)
        feature(made, draw)
    return made


def everything() -> Iterator[str]:
    """The names of all features."""
    return (feature.__name__ for feature in FEATURES)
