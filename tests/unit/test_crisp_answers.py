"""What an answer of Crisp proves, and what the word of a gateway on the way does not."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

import mig
from mig.settings import Secret
from mig_crisp.check import Check
from mig_crisp.client import CrispClient, made_id
from mig_crisp.events import Events
from mig_crisp.office import Office
from mig_crisp.settings import CrispSettings
from sim_loop import LoopClock, in_virtual_time
from storm import VirtualClock

GATEWAY = [b"", b"{}", b"[]", b"null", b'"ok"', b"<html>bad</html>", b'{"error": true}', b'{"error": false}', b"\xff"]


async def ask(status: int, content: bytes, method: str = "GET") -> Any:
    clock = VirtualClock()
    transport = httpx.MockTransport(lambda request: httpx.Response(status, content=content))
    access = mig.Access(clock=clock, budgets=mig.Budgets(clock), transport=transport)
    client = CrispClient(CrispSettings(identifier="i", key=Secret("k"), website_id="w"), access)
    async with client.http:
        if method == "GET":
            return await client.get("/conversation/s/message/1")
        return await client.write(method, "/conversation/s/message", {"type": "text"})


@pytest.mark.parametrize("content", GATEWAY)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_an_answer_without_the_envelope_is_unclear_whatever_its_status(content: bytes, method: str) -> None:
    """Read as "there is no such message", it would be said a second time."""
    for status in (200, 202):
        with pytest.raises(mig.Unclear):
            await ask(status, content, method)


@pytest.mark.parametrize("status", [400, 403, 404, 405, 409, 422])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_refusal_of_somebody_on_the_way_quarantines_nothing(status: int, method: str) -> None:
    with pytest.raises(mig.Unclear):
        await ask(status, b"<html>gateway</html>", method)


async def test_the_platforms_own_word_counts() -> None:
    missing = b'{"error": true, "reason": "message_not_found", "data": {}}'
    assert await ask(404, missing) is None
    assert await ask(200, b'{"error": false, "reason": "resolved", "data": {"a": 1}}') == {"a": 1}
    assert await ask(200, b'{"error": false, "reason": "listed", "data": []}') == []
    with pytest.raises(mig.Rejected) as caught:
        await ask(404, missing, "POST")
    assert caught.value.field == "message_not_found"
    with pytest.raises(mig.Rejected):
        await ask(413, b"<html>too large</html>", "POST")  # of this body a gateway says it, too


@pytest.mark.parametrize("made", [None, [], {}, {"session_id": ""}, {"session_id": 7}, "s"])
def test_a_birth_without_its_id_is_unclear_and_no_fault_of_ours(made: object) -> None:
    with pytest.raises(mig.Unclear):
        made_id(made, "session_id")


@pytest.mark.parametrize(
    ("message", "named"),
    [
        ("data should have required property '.origin'", "'.origin'"),
        ("Got response error: data should have required property '.origin'", "'.origin'"),
        ("data.user should have required property 'nickname'", "'.user.nickname'"),
        ("data.content should NOT be longer than 60 characters", "'.content'"),
        ("data.segments[12] should be string", "'.segments[]'"),
        ('data.type should be equal to one of the allowed values: "Dear Jane", text', "'.type'"),
        # What is no path of plain names may be anything.
        ("data.jane@example.org should be string", ""),
        ("data['Dear Jane'] should be string", ""),
        ("data should have required property '.Dear Jane'", ""),
        ("data should NOT have additional properties: 'jane'", ""),
        ("Dear Jane, data.content should be string", ""),
        ("data." + "a" * 500 + " should be string", ""),
        ("", ""),
    ],
)
async def test_a_refusal_names_the_property_and_no_value(message: str, named: str) -> None:
    content = json.dumps({"error": True, "reason": "invalid_data", "data": {"message": message}}).encode()
    with pytest.raises(mig.Rejected) as caught:
        await ask(400, content, "POST")
    where = f", {named}" if named else ""
    assert caught.value.message == f"Crisp refused it (400 invalid_data on POST conversation{where})"
    assert caught.value.field == "invalid_data"


@pytest.mark.parametrize("data", [None, [], "data.a should be string", {"message": ["data.a should be string"]}])
async def test_a_refusal_that_explains_itself_oddly_is_one_all_the_same(data: object) -> None:
    content = json.dumps({"error": True, "reason": "invalid_data", "data": data}).encode()
    with pytest.raises(mig.Rejected, match=r"\(400 invalid_data on POST conversation\)"):
        await ask(400, content, "POST")


# ---- `mig check` -----------------------------------------------------------------------------------------------------


def checked(status: int, path: str) -> dict[str, mig.Finding]:
    """What a check finds where one route answers with a status, or (0) with nothing whole."""

    def serve(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith(path):
            if status == 0:
                raise httpx.ReadError("reset", request=request)
            return httpx.Response(status)
        return httpx.Response(200, json={"error": False, "reason": "listed", "data": {}})

    async def story() -> dict[str, mig.Finding]:
        clock = LoopClock()
        access = mig.Access(clock=clock, budgets=mig.Budgets(clock), transport=httpx.MockTransport(serve))
        settings = CrispSettings(identifier="i", key=Secret("k"), website_id="w", files="link")
        client = CrispClient(settings, access)
        async with client.http:
            check = Check(client, Office(), Events(client, settings), clock, settings)
            return {one.name: one async for one in check.findings(write=False)}

    return in_virtual_time(story())


@pytest.mark.parametrize("status", [0, 408, 420, 423, 429, 500, 502, 503])
def test_an_answer_that_says_nothing_of_the_token_is_no_refusal_of_it(status: int) -> None:
    scope = "website:operators (read)"
    found = checked(status, "/operators/list")[scope]
    assert found.state == "fail"
    assert "refused" not in found.text
    assert "did not answer well (status" in found.text if status else "no whole answer" in found.text
    assert "again" in found.hint
    assert "scope" not in found.hint
    helpdesk = checked(status, "/helpdesk")["helpdesk"]
    assert (helpdesk.state, "initialise" in helpdesk.hint) == ("warn", False)


def test_a_scope_that_lacks_is_told_as_before() -> None:
    found = checked(403, "/operators/list")["website:operators (read)"]
    assert (found.state, found.text) == ("fail", "refused (status 403)")
    assert "scope" in found.hint
    assert checked(404, "/helpdesk")["helpdesk"].text == "none that this token sees (status 404)"
