"""Names in an archive never lead out of it, cells compute nothing, and nothing that opens a door is kept."""

from __future__ import annotations

import csv
import io
import json
import unicodedata
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mig import ATTACHMENT, MEDIA, Ref
from mig.archive.blank import BLANK, blanked
from mig.archive.names import cleaned, file_name, kind_name
from mig.archive.tables import Table, cell
from mig.testing.strategies import texts

HOSTILE = ("..", "../../etc/passwd", "a/b", "a\\b", "a\0b", "a\nb", ".", "", "A1", "a1", "a-b", "~", "CON", "x" * 400)
ANY = st.sampled_from(HOSTILE) | st.text(max_size=300) | texts()
REFS = st.builds(Ref, st.sampled_from([ATTACHMENT, MEDIA]), ANY)


@given(ref=REFS, name=ANY)
def test_whatever_an_id_and_a_name_hold_the_file_lies_in_its_shard(ref: Ref, name: str) -> None:
    path = file_name(ref, name)
    top, shard, last = path.split("/")
    assert PurePosixPath(path).parts == (top, shard, last)
    assert top == "files"
    assert len(shard) == 2
    assert last not in (".", "..")
    assert len(last.encode()) <= 255
    assert not set(last) & set('/\\:*?"<>|\0\r\n')
    assert all(unicodedata.category(letter)[0] != "C" for letter in last)


@given(one=REFS, other=REFS, name=ANY, called=ANY)
def test_two_files_never_share_a_place_on_any_disk(one: Ref, other: Ref, name: str, called: str) -> None:
    if one != other:
        assert file_name(one, name).casefold() != file_name(other, called).casefold()


@given(one=ANY, other=ANY)
def test_two_kinds_never_share_a_list(one: str, other: str) -> None:
    assert len(kind_name(one).encode()) <= 255
    assert "/" not in kind_name(one)
    assert (kind_name(one) == kind_name(other)) is (one == other)


def test_plain_names_stay_as_they_are() -> None:
    assert file_name(Ref(ATTACHMENT, "65f1ab"), "Größe 1.png").endswith("/65f1ab-Größe 1.png")
    assert cleaned("x" * 300 + ".pdf", 60) == "x" * 56 + ".pdf"


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("evil.html", "evil.html.txt"),
        ("logo.SVG", "logo.SVG.txt"),
        ("letter.pdf", "letter.pdf"),
        ("noidea", "noidea.bin"),
        ("page.weird", "page.weird.bin"),
        ("", "file.bin"),
    ],
)
def test_what_a_browser_would_run_has_a_name_it_does_not_run(name: str, kept: str) -> None:
    assert file_name(Ref(ATTACHMENT, "1"), name).endswith(f"/1-{kept}")


@pytest.mark.parametrize("text", ["=1+1", "+1+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_cell_is_a_formula(text: str) -> None:
    assert cell(text) == f"'{text}"


def test_a_phone_number_stays_one_where_a_program_reads_it() -> None:
    assert cell("+49 (30) 1234-5", phone=True) == "+49 (30) 1234-5"
    assert cell("+1+cmd|' /C calc'!A0", phone=True).startswith("'")


@given(rows=st.lists(st.lists(texts(), min_size=2, max_size=2), max_size=5))
def test_a_table_reads_back_as_it_was_but_for_what_no_csv_holds(rows: list[list[str]]) -> None:
    sheet = io.StringIO()
    table = Table(sheet, ("one", "two"))
    for row in rows:
        table.add(row)
    read = list(csv.reader(io.StringIO(sheet.getvalue(), newline="")))[1:]
    assert read == [[cell(value) for value in row] for row in rows]


_TELLING = (
    b"sig",
    b"secret",
    b"key",
    b"token",
    b"pass",
    b"pwd",
    b"auth",
    b"bearer",
    b"basic",
    b"credential",
    b"@",
    b"hook",
)


def test_an_address_may_begin_with_a_plus_where_addresses_stand() -> None:
    assert cell("+tag@x.org", email=True) == "+tag@x.org"
    assert cell("+tag@x.org") == "'+tag@x.org"
    assert cell("=1+2@x.org", email=True) == "'=1+2@x.org"


SIGNED = "https://files.example/a.pdf?X-Amz-Date=1&X-Amz-Signature=abc123"


@pytest.mark.parametrize(
    ("native", "kept"),
    [
        ({"links": {"related": SIGNED}}, {"links": {"related": f"https://files.example/a.pdf?{BLANK}"}}),
        ({"text": f"see {SIGNED} and"}, {"text": f"see https://files.example/a.pdf?{BLANK} and"}),
        ({"apiKey": "abc", "b": 1}, {"apiKey": BLANK, "b": 1}),
        ({"client_secret": "", "token_count": 7}, {"client_secret": "", "token_count": 7}),
        ({"text": "the secret password is in the key?"}, {"text": "the secret password is in the key?"}),
        (
            {"url": "https://shop.example/?page=2&sort=signature"},
            {"url": "https://shop.example/?page=2&sort=signature"},
        ),
        (
            {"x-api-key": "a", "hookToken": "b", "appSecret": "c"},
            {"x-api-key": BLANK, "hookToken": BLANK, "appSecret": BLANK},
        ),
        ({"password": {"v": "a", "n": 1}, "then": "b"}, {"password": {"v": BLANK, "n": 1}, "then": "b"}),
        ({"secret": ["a", ["b"]], "then": ["c"]}, {"secret": [BLANK, [BLANK]], "then": ["c"]}),
        (
            {"headers": [{"name": "Authorization", "value": "x y"}, {"name": "Accept", "value": "z"}]},
            {"headers": [{"name": "Authorization", "value": BLANK}, {"name": "Accept", "value": "z"}]},
        ),
        ({"value": "Bearer abcdef", "name": "x"}, {"value": BLANK, "name": "x"}),
        ({"url": "https://u:pw@x.org/a?b=1"}, {"url": f"https://{BLANK}@x.org/a?b=1"}),
        ({"url": "https://x.org/?token=abc"}, {"url": f"https://x.org/?{BLANK}"}),
        ({"at": "https://hooks.slack.com/services/T0/B0/x"}, {"at": f"https://hooks.slack.com/services/{BLANK}"}),
        ({"cookieConsent": "yes", "key": "name", "hash": "a1"}, {"cookieConsent": "yes", "key": "name", "hash": "a1"}),
        (
            {"text": "write to ada@example.org: soon, https://x.org"},
            {"text": "write to ada@example.org: soon, https://x.org"},
        ),
    ],
)
def test_what_would_open_something_is_taken_out_and_the_rest_stays(native: object, kept: object) -> None:
    assert json.loads(blanked(json.dumps(native).encode())) == kept
    escaped = json.dumps(native).replace("&", "\\u0026").replace("=", "\\u003d").encode()
    assert json.loads(blanked(escaped)) == kept


def test_a_desks_configuration_holds_more_secrets_and_a_hook_two_more() -> None:
    native = {"webhookSignature": "a", "key": "b", "hash": "c", "auth": {"cookieValue": "d"}, "title": "e"}
    body = json.dumps(native).encode()
    kept = {**native, "webhookSignature": BLANK, "auth": {"cookieValue": BLANK}}
    assert json.loads(blanked(body, configuration=True)) == kept
    assert json.loads(blanked(body, configuration=True, hook=True)) == {**kept, "key": BLANK, "hash": BLANK}


@given(
    value=st.recursive(texts() | st.integers() | st.none(), lambda inner: st.dictionaries(texts(), inner, max_size=3))
)
def test_what_holds_no_secret_is_kept_byte_for_byte(value: object) -> None:
    body = json.dumps(value).encode()
    assert json.loads(blanked(body)) is not NotImplemented
    if not any(word in body.lower() for word in _TELLING):
        assert blanked(body) == body
