"""What unit and house tests share: how hypothesis runs here, and the root of the repository."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parents[2]

# The same examples in every run: a red test is red for everybody, and a machine under load makes nothing red.
settings.register_profile(
    "mig",
    deadline=None,
    derandomize=True,
    database=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)
settings.load_profile("mig")
