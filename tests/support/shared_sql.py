"""Statements are compiled once in a process of tests, not once for each of the hundreds of journals it opens."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Engine, event

_MOST = 2_000


class _Compiled(dict[Any, Any]):
    """What one dialect has compiled. SQLAlchemy's key begins with the dialect of one engine: it is left out."""

    def get(self, key: Any, default: Any = None) -> Any:
        return super().get(key[1:], default)

    def __setitem__(self, key: Any, value: Any) -> None:
        if len(self) >= _MOST:
            self.clear()
        super().__setitem__(key[1:], value)


_compiled: dict[str, _Compiled] = {}


def share_compiled_statements() -> None:
    """From now on every engine uses what another one of its dialect has compiled."""
    if not event.contains(Engine, "engine_connect", _share):
        event.listen(Engine, "engine_connect", _share)


def _share(connection: Connection) -> None:
    if "compiled_cache" in connection.get_execution_options():
        return
    cache = _compiled.setdefault(f"{connection.dialect.name}+{connection.dialect.driver}", _Compiled())
    connection.execution_options(compiled_cache=cache)
    connection.engine.update_execution_options(compiled_cache=cache)  # for its other connections
