"""What no logger may write, whoever calls it: addresses as they stand in paths, and what bears a private name."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
import structlog

import mig
from mig.cli.common import redact
from mig.clock import SystemClock
from mig.settings import Secret
from mig_kustomer.client import Client
from mig_kustomer.settings import KustomerSettings

PATHS = {
    "/v1/customers/email=jane.doe%40example.org": "/v1/customers/email=[address]",
    "/v1/customers/email=jane%2Bdoe%40example.org/x": "/v1/customers/email=[address]/x",
    "/v1/people/profile/jane.doe%40example.org": "/v1/people/profile/[address]",
    "/x?email=jane%40example.org&page=2": "/x?email=[address]&page=2",
    "/x?email=jane%40localhost": "/x?email=[address]",
    "/v1/customers/65f1a2b3c4d5": "/v1/customers/65f1a2b3c4d5",
}


def said(**event: Any) -> dict[str, Any]:
    """An event as the log's last steps write it."""
    written: dict[str, Any] = json.loads(
        str(structlog.processors.JSONRenderer()(None, "info", dict(redact(None, "info", {"event": "x", **event}))))
    )
    return written


@pytest.mark.parametrize("path", PATHS)
def test_an_address_in_a_path_is_not_written_and_the_rest_of_the_path_is(path: str) -> None:
    assert said(path=path)["path"] == PATHS[path]


@pytest.mark.parametrize("name", ["secret", "cookie", "html", "subject", "email", "phone", "Email", "SUBJECT"])
def test_what_bears_a_private_name_is_not_written(name: str) -> None:
    assert said(**{name: "private", "of": [{name: "private"}]}) == {
        "event": "x",
        name: "[redacted]",
        "of": [{name: "[redacted]"}],
    }


async def test_a_retried_request_about_a_person_names_nobody() -> None:
    """Kustomer's route for one person has the address in its path."""
    answers = [httpx.Response(503), httpx.Response(200, json={"data": []})]
    clock = SystemClock()
    access = mig.Access(
        clock=clock, budgets=mig.Budgets(clock), transport=httpx.MockTransport(lambda request: answers.pop(0))
    )
    settings = KustomerSettings(url="http://127.0.0.1:1", api_key=Secret("k"), pause_s=0.0)
    with structlog.testing.capture_logs(processors=[redact]) as told:
        async with Client(settings, access) as client:
            await client.find("/v1/customers/email=jane.doe%40example.org")
    assert [event["event"] for event in told] == ["request.retried"]
    assert told[0]["path"] == "/v1/customers/email=[address]"
