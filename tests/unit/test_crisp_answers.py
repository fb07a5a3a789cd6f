"""What an answer of Crisp proves, and what the word of a gateway on the way does not."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

import mig
from mig.settings import Secret
from mig_crisp.client import CrispClient, made_id
from mig_crisp.settings import CrispSettings
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


@pytest.mark.parametrize("status", [400, 404, 405, 409, 422])
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
