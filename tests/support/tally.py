"""What the proofs of delivery counted: kept where `bench/soak.py` asks for it."""

from __future__ import annotations

import json
import os
from pathlib import Path

FILE = "MIG_TALLY"
"""The environment's name of the file that gets one line of JSON per proof."""


def count(proof: str, **numbers: float) -> None:
    """Note what one proof counted; nothing happens where nobody asked for it.

    Args:
        proof: Its name.
        numbers: What it counted.
    """
    file = os.environ.get(FILE)
    if file:
        with Path(file).open("a", encoding="utf-8") as handle:  # one short write: lines of several workers stay whole
            handle.write(json.dumps({"proof": proof, **numbers}) + "\n")
