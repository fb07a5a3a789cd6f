"""Runs the official tap as its package ships it; only the host is ours, set as its client is made."""

from __future__ import annotations

import os
from typing import Any

import tap_kustomer
from tap_kustomer.client import KustomerClient

_made = KustomerClient.__init__


def _made_here(self: Any, *words: Any, **more: Any) -> None:
    _made(self, *words, **more)
    self.base_url = f"{os.environ['KUSTOMER_URL']}/v1"


KustomerClient.__init__ = _made_here

if __name__ == "__main__":
    tap_kustomer.main()
