"""The word of a gateway on the way says nothing of what exists: no file and no row is given up for it."""

from __future__ import annotations

import httpx
import pytest

import mig
from kustomer_desk import FakeClock
from mig import Access, Budgets, Unclear, Unreadable
from mig.settings import Secret
from mig_kustomer.beside import files_of_notes
from mig_kustomer.client import Client
from mig_kustomer.settings import KustomerSettings
from mig_kustomer.source import open_source
from mig_kustomer.walk import Row

GATEWAY = b"<html>gateway</html>"


class Net:
    """A gateway that answers so many requests before the API does."""

    def __init__(self, status: int, times: int) -> None:
        self._status = status
        self._times = times

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self._times -= 1
        if self._times >= 0:
            return httpx.Response(self._status, content=GATEWAY)
        return httpx.Response(200, json={"data": [{"type": "x", "id": "f1"}], "links": {"next": None}})


def settings() -> KustomerSettings:
    return KustomerSettings(url="https://desk.example", api_key=Secret("key"), attempts=3)


def access(status: int, times: int) -> Access:
    clock = FakeClock()
    return Access(clock, Budgets(clock), httpx.MockTransport(Net(status, times)))


@pytest.mark.parametrize("status", [400, 404, 405, 422])
async def test_it_is_asked_again(status: int) -> None:
    async with Client(settings(), access(status, 1)) as client:
        leaf = await client.find("/v1/messages/m1")
        assert leaf is not None
        assert [Row.of(body).id for body in leaf.rows] == ["f1"]
    async with Client(settings(), access(status, 1)) as client:
        assert len([part async for part in client.parts("/v1/customers/c/notes", absent=True)]) == 1


@pytest.mark.parametrize("status", [400, 404])
async def test_and_never_taken_for_the_absence_of_a_row(status: int) -> None:
    async with Client(settings(), access(status, 99)) as client:
        with pytest.raises(Unreadable):
            await client.find("/v1/messages/m1")
        with pytest.raises(Unreadable):
            [part async for part in client.parts("/v1/customers/c/notes", absent=True)]
        note = Row.of(b'{"id":"n1","relationships":{"attachments":{"data":[{"type":"attachment","id":"f1"}]}}}')
        with pytest.raises(Unreadable):
            await files_of_notes(client, [note])


@pytest.mark.parametrize("status", [400, 404])
async def test_nor_of_a_file(status: int) -> None:
    record = mig.Attachment(ref=mig.Ref(mig.ATTACHMENT, "f1"), parent=mig.Ref(mig.MESSAGE, "m1"))
    async with open_source(settings(), access(status, 99)) as source:
        with pytest.raises(Unclear):  # the engine tries again, and then lets it wait for the next run
            async with source.open_file(record):
                pass
