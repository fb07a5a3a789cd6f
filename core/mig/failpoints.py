"""Named points where a test may crash the engine; one comparison, and free, when no test is listening."""

from __future__ import annotations

from collections.abc import Callable

_listener: Callable[[str], None] | None = None


def failpoint(name: str) -> None:
    """Tell the listening test that the engine has come here: `request.before`, `commit.inside` ..."""
    if _listener is not None:
        _listener(name)


def listen(listener: Callable[[str], None] | None) -> None:
    """Install a listener, or None to remove it. What it raises goes through the engine as if it came from there."""
    global _listener
    _listener = listener
