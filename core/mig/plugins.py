"""Finding plugins: entry points of the group `mig`, and files named by --plugin."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import pluggy

from mig import hookspecs
from mig.errors import Usage
from mig.platforms import Mapper, MapperSpec, SandboxSpec, SourceSpec, TargetSpec

GROUP = "mig"
T = TypeVar("T")


class Registry:
    """What the plugins of one process offer. It is made and passed, not a global.

    Args:
        plugins: Modules or objects with hooks, besides those found by entry points.
        entry_points: Look for installed plugins; False for tests of one plugin alone.
    """

    def __init__(self, plugins: Sequence[object] = (), *, entry_points: bool = True) -> None:
        self.manager = pluggy.PluginManager("mig")
        self.manager.add_hookspecs(hookspecs)
        self.sources: dict[str, SourceSpec] = {}
        self.targets: dict[str, TargetSpec] = {}
        self.sandboxes: dict[str, SandboxSpec] = {}
        self._mappers: list[MapperSpec] = []
        if entry_points:
            self.manager.load_setuptools_entrypoints(GROUP)
        for plugin in plugins:
            self._register(plugin)
        hook = self.manager.hook
        hook.mig_sources(register=lambda spec: self._add(self.sources, spec, "source"))
        hook.mig_targets(register=lambda spec: self._add(self.targets, spec, "target"))
        hook.mig_sandboxes(register=lambda spec: self._add(self.sandboxes, spec, "sandbox"))
        for implementation in hook.mig_mappers.get_hookimpls():  # in the order they were loaded, for the chain
            implementation.function(register=self._mappers.append)

    def _register(self, plugin: object) -> None:
        try:
            self.manager.register(plugin)
        except pluggy.PluginValidationError as error:
            name = getattr(plugin, "__file__", None) or type(plugin).__name__
            raise Usage(f"the plugin {name} does not fit: {error}", "docs/plugins.md lists the hooks.") from error

    def source(self, name: str) -> SourceSpec:
        """The source platform of this name.

        Raises:
            Usage: No plugin offers it.
        """
        return self._get(self.sources, name, "source")

    def target(self, name: str) -> TargetSpec:
        """The target platform of this name.

        Raises:
            Usage: No plugin offers it.
        """
        return self._get(self.targets, name, "target")

    def sandbox(self, name: str) -> SandboxSpec:
        """The sandbox of this name.

        Raises:
            Usage: No plugin offers it.
        """
        return self._get(self.sandboxes, name, "sandbox")

    def chain(self, source: str, target: str, settings: object) -> list[Mapper]:
        """The mappers for a pair, the one with the highest `front` first; among equals the one loaded last."""
        fitting = [spec for spec in self._mappers if spec.source in (None, source) and spec.target in (None, target)]
        fitting.reverse()
        return [spec.mapper(settings) for spec in sorted(fitting, key=lambda spec: -spec.front)]

    def names(self) -> list[tuple[str, str]]:
        """Every plugin and where it comes from (distribution and version, or a file)."""
        found = {
            id(plugin): f"{dist.project_name} {dist.version}" for plugin, dist in self.manager.list_plugin_distinfo()
        }
        rows = []
        for name, plugin in self.manager.list_name_plugin():
            rows.append((name, found.get(id(plugin), getattr(plugin, "__file__", None) or "given")))
        return sorted(rows)

    def _add(self, into: dict[str, Any], spec: Any, what: str) -> None:
        if spec.name in into:
            raise Usage(
                f"two plugins offer the {what} {spec.name!r}", "Uninstall one of them; `mig plugins` lists them."
            )
        into[spec.name] = spec

    def _get(self, known: dict[str, T], name: str, what: str) -> T:
        if name not in known:
            names = ", ".join(sorted(known)) or "none"
            raise Usage(
                f"no plugin offers the {what} {name!r}", f"Known: {names}. `mig plugins` lists what is installed."
            )
        return known[name]


def load_files(paths: Iterable[Path]) -> list[ModuleType]:
    """Load plugins from files (`--plugin my_mapping.py`).

    Raises:
        Usage: A file is missing or cannot be imported.
    """
    modules = []
    for path in dict.fromkeys(path.resolve() for path in paths):
        # Two files of one name are two plugins; the same file named twice is one.
        name = f"mig_plugin_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None or not path.is_file():
            raise Usage(f"--plugin: {path} is not a Python file", "Name a file that ends in .py")
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module  # as an import does: dataclasses and msgspec look there
        try:
            spec.loader.exec_module(module)
        except Exception as error:
            raise Usage(
                f"--plugin: {path} cannot be imported ({type(error).__name__}: {error})", "Correct it."
            ) from error
        modules.append(module)
    return modules
