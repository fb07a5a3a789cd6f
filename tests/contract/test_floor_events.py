"""Crisp's socket for events gets the credentials; where it redirects to gets nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import WSMsgType, web

import mig
from mig.settings import Secret
from mig.testing.sandbox import serving
from mig_crisp.events import Events
from mig_crisp.settings import CrispSettings

OPEN = '0{"sid":"1","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}'


class Host:
    """A host that speaks socket.io, or redirects whoever asks."""

    def __init__(self, redirect: str = "") -> None:
        self._redirect = redirect
        self.heard: list[str] = []
        """What was said to it."""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Let a socket in and hear what it says."""
        if self._redirect:
            self.heard.append(request.path)
            raise web.HTTPFound(self._redirect)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_str(OPEN)
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                self.heard.append(message.data)
                await socket.send_str('40{"sid":"2"}' if message.data.startswith("40") else '42["authenticated"]')
        return socket

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """Serve on this machine; its URL."""
        app = web.Application()
        app.router.add_get("/{path:.*}", self.answer)
        async with serving(app) as url:
            yield url


class Client:
    """All that events want of one."""

    def __init__(self, address: str) -> None:
        self._address = address

    async def endpoints(self) -> Any:
        """Where the socket is."""
        return {"socket": {"app": self._address}}


def events_of(url: str) -> Events:
    """Events of a workspace whose API and socket lie at one host."""
    settings = CrispSettings(url=url, identifier="i", key=Secret("the-secret-key"), website_id="w", timeout_s=5)
    return Events(Client(f"ws{url.removeprefix('http')}/w/app/"), settings)  # type: ignore[arg-type]  # all they want


async def test_the_socket_that_was_named_gets_the_credentials() -> None:
    host = Host()
    async with host.serving() as url:
        events = events_of(url)
        await events.ready()
        await events.close()
    assert "the-secret-key" in "".join(host.heard)


@pytest.mark.parametrize("scheme", ["http", "ws"])
async def test_a_socket_that_redirects_is_not_followed(scheme: str) -> None:
    stranger = Host()
    async with stranger.serving() as elsewhere:
        host = Host(f"{scheme}{elsewhere.removeprefix('http')}/w/app/?EIO=4&transport=websocket")
        async with host.serving() as url:
            events = events_of(url)
            with pytest.raises(mig.Unclear):
                await events.ready()
            await events.close()
    assert host.heard
    assert stranger.heard == []
