"""Settings: which source of a value wins, what is refused, and that no secret is ever printed."""

from __future__ import annotations

import copy
import io
import json
import logging
import traceback
from pathlib import Path
from typing import Any, Literal, get_type_hints

import msgspec
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.traceback import Traceback

from mig import Usage
from mig.settings import (
    Config,
    EngineSettings,
    Secret,
    Settings,
    is_secret,
    load_config,
    platform_settings,
    refuse_secrets,
)

TEXT = "s3cr3t-of-the-desk"


class DeskSettings(Settings, frozen=True, kw_only=True):
    """A platform's settings with one of each."""

    url: str
    """Where."""
    key: Secret
    """The key."""
    plan: Literal["free", "plus"] = "free"
    """Which plan."""
    quota: int = 100
    """How many."""
    share: float | None = None
    """Which part."""
    deep: bool = False
    """Whether."""


def read(tmp_path: Path, text: str, *sets: str, **environment: str) -> DeskSettings:
    """As a command does: the file, the flags, then the platform's settings under the environment."""
    file = tmp_path / "mig.toml"
    file.write_text(text)
    config = load_config(file, sets=sets, environment=environment)
    return platform_settings(DeskSettings, "acme-desk", config.source_settings, environment, config.source_flags)


FILE = '[source]\nname = "acme-desk"\nurl = "https://file"\nkey = "of the file"\nquota = 1\n'

# ---- which wins ----------------------------------------------------------------------------------------------------


def test_the_file_says_what_nothing_else_says(tmp_path: Path) -> None:
    assert read(tmp_path, FILE) == DeskSettings(url="https://file", key=Secret("of the file"), quota=1)


def test_the_environment_says_what_the_file_does_not(tmp_path: Path) -> None:
    found = read(tmp_path, '[source]\nurl = "u"\n', ACME_DESK_KEY=TEXT, ACME_DESK_PLAN="plus", ACME_DESK_DEEP="true")
    assert (found.key.reveal(), found.plan, found.deep) == (TEXT, "plus", True)


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    found = read(tmp_path, FILE, ACME_DESK_URL="https://environment", ACME_DESK_QUOTA="2", ACME_DESK_KEY=TEXT)
    assert (found.url, found.quota, found.key.reveal()) == ("https://environment", 2, TEXT)


def test_a_flag_wins_over_the_file(tmp_path: Path) -> None:
    assert read(tmp_path, FILE, "source.url=https://flag").url == "https://flag"


def test_a_flag_wins_over_the_environment(tmp_path: Path) -> None:
    found = read(tmp_path, FILE, "source.url=https://flag", "source.quota=3", ACME_DESK_URL="https://environment")
    assert (found.url, found.quota) == ("https://flag", 3)


def test_of_two_flags_the_later_wins(tmp_path: Path) -> None:
    assert read(tmp_path, FILE, "source.url=https://one", "source.url=https://two=2").url == "https://two=2"


def test_the_state_comes_from_the_flag_then_the_environment_then_the_file(tmp_path: Path) -> None:
    file = tmp_path / "mig.toml"
    file.write_text('state = "sqlite:///file.db"\n')
    environment = {"MIG_STATE": "sqlite:///environment.db"}
    assert load_config(file, state="sqlite:///flag.db", environment=environment).state == "sqlite:///flag.db"
    assert load_config(file, environment=environment).state == "sqlite:///environment.db"
    assert load_config(file, environment={}).state == "sqlite:///file.db"
    file.write_text("")
    assert load_config(file, environment={}).state == "sqlite:///mig.db"


def test_the_pair_comes_from_the_flags_then_the_file(tmp_path: Path) -> None:
    file = tmp_path / "mig.toml"
    file.write_text('[source]\nname = "one"\n[target]\nname = "two"\nurl = "u"\n')
    found = load_config(file, target="three", environment={})
    assert (found.source, found.target, found.target_settings) == ("one", "three", {"url": "u"})


def test_without_a_file_there_are_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_config(None, environment={}) == Config()


def test_the_file_in_the_folder_is_read_when_none_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mig.toml").write_text('[engine]\nlanes = 2\n[shares]\n"desk.all" = 0.25\n')
    monkeypatch.chdir(tmp_path)
    found = load_config(None, environment={})
    assert found.engine == EngineSettings(lanes=2)
    assert found.shares == {"desk.all": 0.25}


# ---- what is refused -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "sets", "told"),
    [
        ("nonsense = 1\n", (), "nonsense"),
        ("[engine]\nlanse = 2\n", (), "lanse"),
        ('[engine]\nlanes = "many"\n', (), "lanes"),
        ('[shares]\n"desk.all" = "half"\n', (), "shares"),
        ("source = 1\n", (), "source"),
        ("[source\n", (), "mig.toml"),
        ("", ("source.x",), "--set source.x"),
        ("", ("x=1",), "--set x"),
        ("", ("elsewhere.x=1",), "--set elsewhere.x"),
        ("", ("source.=1",), "--set source."),
    ],
)
def test_what_means_nothing_is_refused_by_name(tmp_path: Path, text: str, sets: tuple[str, ...], told: str) -> None:
    file = tmp_path / "mig.toml"
    file.write_text(text)
    with pytest.raises(Usage) as caught:
        load_config(file, sets=sets, environment={})
    assert told in f"{caught.value.message} {caught.value.hint}"


def test_a_file_that_is_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(Usage, match="there is no configuration file"):
        load_config(tmp_path / "other.toml", environment={})


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mig.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(Usage, match="cannot be read"):
        load_config(tmp_path / "mig.toml", environment={})


def test_an_unknown_key_is_refused_and_the_known_ones_are_named(tmp_path: Path) -> None:
    with pytest.raises(Usage) as caught:
        read(tmp_path, FILE + 'ulr = "typo"\n')
    assert "ulr" in caught.value.message
    for name in ("url", "key", "plan", "quota"):
        assert name in caught.value.hint


def test_a_missing_key_is_named_with_the_variable_that_sets_it(tmp_path: Path) -> None:
    with pytest.raises(Usage) as caught:
        read(tmp_path, '[source]\nurl = "u"\n')
    assert "key is missing" in caught.value.message
    assert "ACME_DESK_KEY" in caught.value.hint


@pytest.mark.parametrize("value", ['quota = "ten"', 'plan = "golden"', "key = 5", "key = [1]", "deep = 7"])
def test_a_value_of_another_type_is_refused(tmp_path: Path, value: str) -> None:
    name = value.split()[0]
    lines = [line for line in FILE.splitlines() if not line.startswith(name)]
    with pytest.raises(Usage) as caught:
        read(tmp_path, "\n".join([*lines, value]))
    assert "acme-desk" in caught.value.message


@pytest.mark.parametrize("flag", ["source.key=abc", "source.key=", "source.key"])
def test_a_secret_on_the_command_line_is_refused(flag: str) -> None:
    with pytest.raises(Usage) as caught:
        refuse_secrets(DeskSettings, "source", ["source.url=u", flag])
    assert "abc" not in caught.value.message + caught.value.hint


def test_other_settings_on_the_command_line_are_not() -> None:
    refuse_secrets(DeskSettings, "source", ["source.url=key", "source.quota=1", "target.key=another platform's"])
    assert is_secret(DeskSettings, "key")
    assert not is_secret(DeskSettings, "url")
    assert not is_secret(DeskSettings, "unknown")


# ---- secrets -------------------------------------------------------------------------------------------------------

PRINTED: list[Any] = [
    repr,
    str,
    format,
    lambda secret: f"{secret}",
    lambda secret: f"{secret!r} {secret!s} {secret!a}",
    lambda secret: "%s %r" % (secret, secret),  # noqa: UP031  # as a logging library does
    lambda secret: json.dumps({"key": secret}, default=str),
    lambda secret: json.dumps({"key": secret}, default=repr),
    lambda secret: str({"key": [secret]}),
    lambda secret: repr(DeskSettings(url="u", key=secret)),
    lambda secret: str(msgspec.structs.asdict(DeskSettings(url="u", key=secret))),
    lambda secret: repr(copy.deepcopy(secret)),
]


@pytest.mark.parametrize("printed", PRINTED, ids=range(len(PRINTED)))
def test_a_secret_is_never_printed(printed: Any) -> None:
    assert TEXT not in printed(Secret(TEXT))


@pytest.mark.parametrize(
    "encode", [json.dumps, msgspec.json.encode, msgspec.to_builtins, msgspec.msgpack.encode], ids=range(4)
)
@pytest.mark.parametrize("value", [Secret(TEXT), DeskSettings(url="u", key=Secret(TEXT))], ids=["alone", "inside"])
def test_a_secret_is_never_encoded(encode: Any, value: Any) -> None:
    try:
        found = str(encode(value))
    except (TypeError, NotImplementedError) as error:
        found = str(error)
    assert TEXT not in found


def test_a_secret_stands_in_no_traceback_even_with_values() -> None:
    secret = Secret(TEXT)
    settings = DeskSettings(url="u", key=secret)
    out = io.StringIO()
    try:
        raise ValueError(f"cannot use {secret} of {settings}")
    except ValueError as error:
        plain = "".join(traceback.format_exception(error))
        rich = Traceback.from_exception(type(error), error, error.__traceback__, show_locals=True, width=200)
        Console(file=out, width=200).print(rich)
    assert "cannot use Secret(...)" in plain
    assert "settings" in out.getvalue()
    assert TEXT not in plain + out.getvalue().replace(f'TEXT = "{TEXT}"', "")


@pytest.mark.parametrize(
    "renderer",
    [structlog.processors.JSONRenderer(), structlog.processors.KeyValueRenderer(), structlog.dev.ConsoleRenderer()],
    ids=["json", "pairs", "console"],
)
def test_a_secret_stands_in_no_event(renderer: Any, capsys: pytest.CaptureFixture[str]) -> None:
    log = structlog.wrap_logger(structlog.PrintLogger(), processors=[renderer], wrapper_class=structlog.BoundLogger)
    log.info(
        "desk.opened", key=Secret(TEXT), settings=DeskSettings(url="u", key=Secret(TEXT)), deep={"a": [Secret(TEXT)]}
    )
    assert "desk.opened" in (printed := capsys.readouterr().out)
    assert TEXT not in printed


def test_a_secret_stands_in_no_log_of_the_standard_library(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("desk").warning("opened with %s and %r", Secret(TEXT), Secret(TEXT))
    assert "opened with" in caplog.text
    assert TEXT not in caplog.text


def test_a_wrong_setting_beside_it_tells_no_secret(tmp_path: Path) -> None:
    with pytest.raises(Usage) as caught:
        read(tmp_path, f'[source]\nurl = 5\nkey = "{TEXT}"\nquota = "{TEXT}"\n', ACME_DESK_KEY=TEXT)
    text = "".join(traceback.format_exception(caught.value)) + caught.value.hint
    assert TEXT not in text


@given(st.text(), st.text())
def test_secrets_are_equal_when_their_texts_are(one: str, other: str) -> None:
    assert (Secret(one) == Secret(other)) == (one == other)
    assert Secret(one).reveal() == one
    assert Secret(one) != one
    assert bool(Secret(one)) == bool(one)
    assert hash(Secret(one)) == hash(Secret(str(one)))


def test_a_name_that_is_almost_one_is_guessed() -> None:
    with pytest.raises(Usage) as told:
        platform_settings(DeskSettings, "acme-desk", {"tokn": "x"}, {})
    assert "Known:" in told.value.hint
    near = next(iter(get_type_hints(DeskSettings)))
    with pytest.raises(Usage, match="is unknown") as told:
        platform_settings(DeskSettings, "acme-desk", {near + "s": "x"}, {})
    assert f"Did you mean {near}?" in told.value.hint
