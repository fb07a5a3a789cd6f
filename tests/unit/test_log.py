"""Logs hold events and ids, never an address, a secret or a body; and nobody else may read them."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

import mig
from mig.cli.common import redact, say_error, start_log
from mig.settings import Secret
from mig.testing import strategies as desk

ADDRESS = "jane.doe@example.org"
SECRET = "s3cr3t-of-the-desk"


@pytest.fixture
def log_to(tmp_path: Path) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Starts the log; returns what reads its lines back."""
    file = tmp_path / "mig.log"
    start_log(file)
    stream = structlog.get_config()["logger_factory"]._file

    def lines() -> list[dict[str, Any]]:
        stream.flush()
        return [json.loads(line) for line in file.read_text().splitlines()]

    yield lines
    structlog.reset_defaults()
    stream.close()


def said(**event: Any) -> str:
    """An event as the log's last steps write it."""
    return str(structlog.processors.JSONRenderer()(None, "info", dict(redact(None, "info", {"event": "x", **event}))))


# ---- addresses ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        ADDRESS,
        "a@b.co",
        "first.last+tag@sub.example.co.uk",
        "JANE@EXAMPLE.ORG",
        "jörg@exämple.de",
        "o'neil@example.org",
        "用户@例子.公司",
        "x_y-z@example-site.org",
    ],
)
@pytest.mark.parametrize(
    "around", ["{}", "mail to {}.", "<{}>", "mailto:{}", '"{}"', "({}, again {})", "a\n{}\tb", "to={};"]
)
def test_no_address_stands_in_a_log_whatever_is_around_it(address: str, around: str) -> None:
    written = json.loads(said(what=around.format(address, address)))["what"]
    assert "@" not in written
    assert address.partition("@")[2] not in written


WRAPPED: dict[str, Any] = {
    "list": [ADDRESS],
    "tuple": (ADDRESS, 1),
    "deep": {"a": {"b": [ADDRESS]}},
    "key": {ADDRESS: 1},
    "set": {ADDRESS},
    "bytes": ADDRESS.encode(),
    "exception": ValueError(f"no such person: {ADDRESS}"),
    "error of ours": mig.Rejected(f"no such person: {ADDRESS}"),
    "struct": mig.Address(value=ADDRESS),
    "record": mig.Contact(ref=mig.Ref(mig.CONTACT, "1"), emails=[mig.Address(value=ADDRESS)]),
    "records": [mig.Contact(ref=mig.Ref(mig.CONTACT, "1"), name=ADDRESS)],
}


@pytest.mark.parametrize("how", WRAPPED)
def test_no_address_stands_in_a_log_however_it_is_wrapped(how: str) -> None:
    assert ADDRESS not in said(what=WRAPPED[how])
    assert ADDRESS not in said(event=WRAPPED[how])


@given(
    st.recursive(
        st.just(ADDRESS) | desk.json_values(), lambda inner: st.lists(inner) | st.dictionaries(desk.keys(), inner)
    )
)
def test_no_address_stands_in_a_log_however_deep(value: Any) -> None:
    assert ADDRESS not in said(what=value)


# ---- secrets and bodies ---------------------------------------------------------------------------------------------

NAMES = ["authorization", "key", "api_key", "token", "password", "body", "text", "preview", "content"]


@pytest.mark.parametrize("name", [*NAMES, "Authorization", "API_KEY", "Body"])
def test_what_bears_the_name_of_a_secret_or_a_body_is_not_written(name: str) -> None:
    assert json.loads(said(**{name: SECRET}))[name] == "[redacted]"


@pytest.mark.parametrize(
    "wrapped",
    [lambda inner: inner, lambda inner: [inner], lambda inner: {"deeper": inner}],
    ids=["map", "list", "deep"],
)
def test_nor_is_it_inside_of_something(wrapped: Any) -> None:
    written = [name for name in NAMES if SECRET in said(headers=wrapped({name: SECRET}))]
    assert written == []


def test_a_record_in_an_event_shows_no_body() -> None:
    assert "Dear Jane" not in said(record=mig.Message(ref=mig.Ref(mig.MESSAGE, "1"), text="Dear Jane"))


def test_a_secret_is_not_written_under_any_name() -> None:
    assert SECRET not in said(what=Secret(SECRET), deep={"a": [Secret(SECRET)]})


def test_ids_counts_and_reasons_are_written_as_they_are() -> None:
    event = {"kind": "message", "id": "65f1a2b3c4d5", "records": 100, "ok": True, "why": "it has no time", "none": None}
    assert json.loads(said(**event)) == {"event": "x", **event}


# ---- the file -------------------------------------------------------------------------------------------------------


def test_the_file_is_private_from_its_first_byte(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        start_log(tmp_path / "mig.log")
    finally:
        os.umask(before)
    structlog.get_config()["logger_factory"]._file.close()
    structlog.reset_defaults()
    assert stat.S_IMODE((tmp_path / "mig.log").stat().st_mode) == 0o600


def test_a_file_that_cannot_be_written_ends_the_command(tmp_path: Path) -> None:
    with pytest.raises(mig.Refused) as caught:
        start_log(tmp_path / "nowhere" / "mig.log")
    assert "mig.log" in caught.value.message


def test_events_are_lines_of_json_with_their_facts(log_to: Callable[[], list[dict[str, Any]]]) -> None:
    log = structlog.get_logger("mig.test").bind(kind="message", run=7)
    log.info("page.staged", records=100, cursor="abc")
    log.debug("page.seen")
    (line,) = log_to()
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "page.staged",
        "kind": "message",
        "run": 7,
        "records": 100,
        "cursor": "abc",
        "level": "info",
    }


def test_whoever_writes_the_event_no_address_secret_or_body_gets_through(
    log_to: Callable[[], list[dict[str, Any]]], tmp_path: Path
) -> None:
    log = structlog.get_logger("mig.test").bind(contact=ADDRESS, api_key=SECRET)
    log.warning("record.refused", body="Dear Jane", error=f"400 for {ADDRESS}")
    try:
        raise ValueError(f"{ADDRESS} {SECRET}")
    except ValueError:
        log.error("record.failed", exc_info=True)
        log.exception("record.failed")
    assert len(log_to()) == 3
    written = (tmp_path / "mig.log").read_text()
    for private in (ADDRESS, SECRET, "Dear Jane"):
        assert private not in written


def test_a_second_start_adds_to_the_file(tmp_path: Path) -> None:
    file = tmp_path / "mig.log"
    for n in range(2):
        start_log(file)
        structlog.get_logger().info("run.began", n=n)
        structlog.get_config()["logger_factory"]._file.close()
    structlog.reset_defaults()
    assert [json.loads(line)["n"] for line in file.read_text().splitlines()] == [0, 1]


def test_without_a_file_only_warnings_are_shown_on_stderr_and_no_values(capsys: pytest.CaptureFixture[str]) -> None:
    start_log(None)
    log = structlog.get_logger()
    log.info("page.staged")
    try:
        raise ValueError(SECRET)
    except ValueError:
        log.warning("kind.unreadable", kind="message", why=f"asked {ADDRESS}", exc_info=True)
    structlog.reset_defaults()
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "page.staged" not in shown.err
    assert "kind.unreadable" in shown.err
    assert ADDRESS not in shown.err
    assert SECRET not in shown.err


def test_an_error_is_said_with_its_way_out(capsys: pytest.CaptureFixture[str]) -> None:
    say_error(mig.Refused("Crisp refused the credentials", "The key pair is revoked.\nCheck CRISP_KEY."))
    assert capsys.readouterr().err == (
        "mig: Crisp refused the credentials\n  The key pair is revoked.\n  Check CRISP_KEY.\n"
    )
