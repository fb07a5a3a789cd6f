"""Plugins: found, told apart, stood in a chain; a third party's works like ours, a broken one is named."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pluggy
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mig
from mig import hookimpl, hookspecs
from mig.plugins import Registry, load_files
from mig.settings import platform_settings
from unit_common import ROOT

TOY = ROOT / "docs" / "examples" / "toydesk.py"


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    """Files loaded as plugins leave their modules behind: here no test sees another's."""
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.startswith("mig_plugin_"):
            del sys.modules[name]


def offering(**specs: list[Any]) -> Any:
    """A plugin that registers these: sources=..., targets=..., sandboxes=..., mappers=..."""
    plugin = SimpleNamespace()
    for what, values in specs.items():

        def hook(register: Callable[[Any], None], values: list[Any] = values) -> None:
            for value in values:
                register(value)

        setattr(plugin, f"mig_{what}", hookimpl(hook))
    return plugin


class Named:
    """A mapper that is only a name."""

    def __init__(self, name: str) -> None:
        self.name = name

    def map(self, record: mig.Record, look: mig.Lookup) -> mig.Decision | None:
        return None


def mapper(name: str, source: str | None = None, target: str | None = None, front: int = 0) -> mig.MapperSpec:
    return mig.MapperSpec(source, target, lambda settings: Named(f"{name}{settings or ''}"), front)


def chain(*plugins: list[mig.MapperSpec], source: str = "a", target: str = "b", settings: object = None) -> list[str]:
    """The names in the chain of a pair, where plugins with these mappers were loaded one after another."""
    registry = Registry([offering(mappers=specs) for specs in plugins], entry_points=False)
    return [found.name for found in registry.chain(source, target, settings) if isinstance(found, Named)]


# ---- the chain -------------------------------------------------------------------------------------------------------


def test_the_highest_front_is_asked_first_and_among_equals_the_one_loaded_last() -> None:
    installed, file = [mapper("default"), mapper("back", front=-1)], [mapper("mine"), mapper("pair", front=5)]
    assert chain(installed, file) == ["pair", "mine", "default", "back"]
    assert chain(file, installed) == ["pair", "default", "mine", "back"]


def test_a_mapper_stands_only_in_the_chains_of_its_pair() -> None:
    plugins = [[mapper("any")], [mapper("from a", "a")], [mapper("to b", target="b")], [mapper("a to b", "a", "b")]]
    assert chain(*plugins) == ["a to b", "to b", "from a", "any"]
    assert chain(*plugins, target="x") == ["from a", "any"]
    assert chain(*plugins, source="x") == ["to b", "any"]
    assert chain(*plugins, source="x", target="y") == ["any"]


def test_a_mapper_is_made_from_the_targets_settings() -> None:
    assert chain([mapper("m")], settings="!") == ["m!"]


@given(st.lists(st.integers(-2, 2), max_size=8))
def test_every_mapper_stands_in_the_chain_once_by_its_front(fronts: list[int]) -> None:
    plugins = [[mapper(str(n), front=front)] for n, front in enumerate(fronts)]
    expected = sorted(range(len(fronts)), key=lambda n: (-fronts[n], -n))
    assert chain(*plugins) == [str(n) for n in expected]


def test_a_file_stands_before_what_is_installed(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "import mig\n"
        "class Mine:\n"
        "    def map(self, record, look):\n"
        "        return None\n"
        "@mig.hookimpl\n"
        "def mig_mappers(register):\n"
        "    register(mig.MapperSpec(None, None, lambda settings: Mine()))\n"
    )
    registry = Registry(load_files([file]))
    settings: Any = platform_settings(
        registry.target("crisp").settings, "crisp", {"identifier": "i", "key": "k", "website_id": "w"}, {}
    )
    names = [type(found).__name__ for found in registry.chain("kustomer", "crisp", settings)]
    assert names[0] == "Mine"
    assert len(names) > 1


# ---- the registry ---------------------------------------------------------------------------------------------------


def spec(kind: str, name: str) -> Any:
    match kind:
        case "sources":
            return mig.SourceSpec(name, object, Any, {}, {})  # type: ignore[arg-type]  # never opened
        case "targets":
            return mig.TargetSpec(name, object, Any)  # type: ignore[arg-type]
        case _:
            return mig.SandboxSpec(name, Any)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["sources", "targets", "sandboxes"])
def test_two_plugins_of_one_name_are_refused(kind: str) -> None:
    plugins = [offering(**{kind: [spec(kind, "acme")]}), offering(**{kind: [spec(kind, "acme")]})]
    with pytest.raises(mig.Usage, match=r"two plugins offer the .* 'acme'"):
        Registry(plugins, entry_points=False)


def test_one_name_may_be_a_source_a_target_and_a_sandbox() -> None:
    kinds = ("sources", "targets", "sandboxes")
    registry = Registry([offering(**{kind: [spec(kind, "acme")] for kind in kinds})], entry_points=False)
    assert registry.source("acme").name == registry.target("acme").name == registry.sandbox("acme").name == "acme"


@pytest.mark.parametrize("kind", ["source", "target", "sandbox"])
def test_a_name_nobody_offers_is_refused_and_the_others_are_told(kind: str) -> None:
    plugin = offering(**{f"{kind}s" if kind != "sandbox" else "sandboxes": [spec(f"{kind}s", "acme")]})
    registry = Registry([plugin], entry_points=False)
    with pytest.raises(mig.Usage) as caught:
        getattr(registry, kind)("other")
    assert "'other'" in caught.value.message
    assert "acme" in caught.value.hint


def test_two_registries_share_nothing() -> None:
    one = Registry([offering(sources=[spec("sources", "acme")])], entry_points=False)
    other = Registry(entry_points=False)
    assert "acme" in one.sources
    assert other.sources == {}


def test_the_installed_plugins_are_ours_and_offer_what_they_should() -> None:
    registry = Registry()
    assert {"kustomer", "crisp"} <= set(registry.sandboxes)
    assert "kustomer" in registry.sources
    assert "crisp" in registry.targets
    names = dict(registry.names())
    assert names["kustomer"].startswith("mig-desk ")
    assert names["crisp"].startswith("mig-desk ")


# ---- files ----------------------------------------------------------------------------------------------------------


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(mig.Usage) as caught:
        load_files([tmp_path / "nowhere.py"])
    assert "nowhere.py" in caught.value.message


@pytest.mark.parametrize("name", ["notes.txt", "noending"])
def test_a_file_that_is_no_python_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("x = 1")
    with pytest.raises(mig.Usage, match=name):
        load_files([tmp_path / name])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("def broken(:\n", "SyntaxError"),
        ("import no_such_module_at_all\n", "no_such_module_at_all"),
        ("raise RuntimeError('not today')\n", "not today"),
    ],
    ids=["syntax", "import", "run"],
)
def test_a_file_that_cannot_be_imported_is_named_with_the_reason(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "broken.py"
    file.write_text(text)
    with pytest.raises(mig.Usage) as caught:
        load_files([file])
    assert "broken.py" in caught.value.message
    assert told in caught.value.message


def test_two_files_of_one_name_are_two_plugins(tmp_path: Path) -> None:
    files = []
    for folder, name in (("one", "alpha"), ("two", "beta")):
        (tmp_path / folder).mkdir()
        file = tmp_path / folder / "mapping.py"
        file.write_text(
            "import mig\n"
            "@mig.hookimpl\n"
            "def mig_sources(register):\n"
            f"    register(mig.SourceSpec({name!r}, object, None, {{}}, {{}}))\n"
        )
        files.append(file)
    assert set(Registry(load_files(files), entry_points=False).sources) == {"alpha", "beta"}


def test_a_file_named_twice_is_one_plugin_or_refused(tmp_path: Path) -> None:
    file = tmp_path / "mapping.py"
    file.write_text("import mig\n")
    try:
        Registry(load_files([file, file]), entry_points=False)
    except mig.Usage as error:
        refused: mig.Usage | None = error
    else:
        refused = None
    assert refused is None or "mapping.py" in refused.message


def test_a_hook_with_a_wrong_parameter_is_a_fault_of_the_plugin_and_named(tmp_path: Path) -> None:
    file = tmp_path / "wrong.py"
    file.write_text("import mig\n@mig.hookimpl\ndef mig_sources(registry):\n    pass\n")
    with pytest.raises(mig.Usage, match="wrong"):
        Registry(load_files([file]), entry_points=False)


# ---- a third party's ------------------------------------------------------------------------------------------------


def test_a_third_partys_plugin_fits_every_hookspec() -> None:
    manager = pluggy.PluginManager("mig")
    manager.add_hookspecs(hookspecs)
    (module,) = load_files([TOY])
    manager.register(module)
    manager.check_pending()  # a hook that no hookspec knows raises
    registry = Registry([module], entry_points=False)
    assert set(registry.sources) == set(registry.targets) == {"toydesk"}
    assert len(registry.chain("toydesk", "toydesk", None)) == 1
