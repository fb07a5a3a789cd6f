"""`mig run --repair FILE`: do what `mig verify --plan-repair FILE` has planned."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from mig.errors import Refused, Usage

if TYPE_CHECKING:
    from mig.engine.run import Run
    from mig.platforms import Access, Source, Target


class Repairs:
    """What makes a run a repair.

    Args:
        path: The plan.

    Raises:
        Usage: It is none.
    """

    def __init__(self, path: Path) -> None:
        from mig.engine.repair import read_plan

        try:
            self._about, self._repair = read_plan(path.read_bytes().splitlines())
        except (OSError, ValueError, KeyError, TypeError, msgspec.MsgspecError) as error:
            raise Usage(
                f"{path} is no plan of a repair ({type(error).__name__})", "Make one: `mig verify --plan-repair FILE`."
            ) from error
        self._said = (len(self._repair.units), len(self._repair.refs))

    def prepare(self, work: Run) -> None:
        """Only its units, in the migration it was planned for."""
        from mig.journal.selection import homes

        repair, about = self._repair, self._about
        source_opens, target_opens = work.source_spec.open, work.target_spec.open

        @asynccontextmanager
        async def open_source(settings: Any, access: Access) -> AsyncIterator[Source]:
            async with source_opens(settings, access) as source:
                _same("source", f"{work.source_spec.name}:{await source.identity()}", about["source"])
                yield source

        @asynccontextmanager
        async def open_target(settings: Any, access: Access) -> AsyncIterator[Target]:
            async with target_opens(settings, access) as target:
                _same("target", f"{work.target_spec.name}:{await target.identity()}", about["target"])
                yield target

        work.repair = repair
        work.only = lambda connection, mig: repair.units | set(homes(connection, mig, sorted(repair.refs)).values())
        work.source_spec = msgspec.structs.replace(work.source_spec, open=open_source)
        work.target_spec = msgspec.structs.replace(work.target_spec, open=open_target)

    def outcome(self, work: Run) -> Mapping[str, Any]:
        """What it was about."""
        return {"repaired": {"units": self._said[0], "records": self._said[1]}}

    def words(self) -> str:
        """The same as a person reads it."""
        units, refs = self._said
        return f"{units:,} units looked at again, {refs:,} records asked for by id; verify again: `mig verify`"

    def exit_code(self) -> int:
        """What the run itself says."""
        return 0


def _same(side: str, found: str, planned: str) -> None:
    if found != planned:
        raise Refused(
            f"the plan of repair is for another {side}: {planned}, and the settings lead to {found}",
            "Verify this migration, and repair by its own plan.",
        )
