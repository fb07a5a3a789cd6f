"""Where a person finds a record on the target: one place to widen when a target can tell more."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from mig.errors import Usage
from mig.model import CONVERSATION
from mig.plugins import Registry
from mig.settings import Config, platform_settings

Address = Callable[[str, str], str]
"""Kind of a unit's root and its id on the target -> an address for a browser; empty: there is none."""


def addresses(registry: Registry, config: Config, target: str) -> Address:
    """How addresses are made, as far as the target's settings are at hand; without them there are none."""
    spec = registry.targets.get(target)
    settings: Any = None
    if spec is not None:
        flags = config.target_flags if config.target in ("", target) else {}
        named = config.target_settings if config.target in ("", target) else {}
        try:
            settings = platform_settings(spec.settings, spec.name, named, os.environ, flags)
        except Usage:
            spec = None

    def address(kind: str, there: str) -> str:
        if spec is None or spec.address is None or kind != CONVERSATION or not there:
            return ""
        return spec.address(settings, there)

    return address
