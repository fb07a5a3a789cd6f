"""The house style of our pages: one stylesheet, a policy that lets nothing be loaded, and everything escaped."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup


@cache
def _room() -> Environment:
    room = Environment(
        loader=PackageLoader("mig.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    room.filters |= {"n": "{:,}".format, "duration": duration}
    return room


def house(*more: str) -> tuple[Environment, dict[str, Any]]:
    """Where our templates are, and the style that each of them is given.

    Args:
        more: Stylesheets of the page's own, beside the one of all.
    """
    folder = resources.files("mig.report").joinpath("templates")
    style = "\n".join(folder.joinpath(name).read_text("utf-8") for name in ("page.css", *more))
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return _room(), {"style": Markup(style), "style_digest": digest}  # noqa: S704 - our own files


def duration(seconds: float) -> str:
    """How long, in two units at most."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days:,} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
