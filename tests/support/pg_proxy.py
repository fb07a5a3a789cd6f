"""Something between mig and a server that breaks the line at a chosen word: the answer to a COMMIT is lost."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PORT = 5432


class Line:
    """Connections on their way to a server.

    Args:
        server: The folder of its socket.
        folder: Where the new socket is made.
    """

    def __init__(self, server: Path, folder: Path) -> None:
        self._server = server
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / f".s.PGSQL.{_PORT}"))
        self._listener.listen()
        self._armed = b""
        self.broken = threading.Event()

    def lose_the_answer_to(self, word: bytes) -> None:
        """The next request that holds this word reaches the server; its answer, and the connection, are lost."""
        self._armed = word

    def serve(self) -> None:
        """Take connections until the listener is closed."""
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(str(self._server / f".s.PGSQL.{_PORT}"))
                threading.Thread(target=self._requests, args=(client, server), daemon=True).start()
                threading.Thread(target=_answers, args=(server, client), daemon=True).start()

    def close(self) -> None:
        """Take no more."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _requests(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError), client, server:
            while request := client.recv(65536):
                if self._armed and self._armed in request:
                    self._armed = b""
                    # Nobody forwards what it says from here on; it reads the request and the end, and acts on both.
                    self.broken.set()
                    client.shutdown(socket.SHUT_RDWR)
                    server.sendall(request)
                    server.shutdown(socket.SHUT_WR)
                    return
                server.sendall(request)


def _answers(server: socket.socket, client: socket.socket) -> None:
    with suppress(OSError):
        while answer := server.recv(65536):
            client.sendall(answer)
        client.shutdown(socket.SHUT_RDWR)


@contextmanager
def line(server: Path, folder: Path) -> Iterator[Line]:
    """A line that works until it is told otherwise."""
    made = Line(server, folder)
    thread = threading.Thread(target=made.serve, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.close()
        thread.join(5)
