"""Settings of all tests: no Hub, and the same examples in property tests (`HYPOTHESIS_PROFILE=explore` draws new ones)."""

import os

# Before any test module imports huggingface_hub, which reads them once: each call to a Hub out of reach costs 23 seconds.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

import pytest
from hypothesis import settings

settings.register_profile("repeatable", derandomize=True)
settings.register_profile("explore")
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))

SLOWEST = (
    "test_recipes.py",
    "test_run.py",
    "test_runs.py",
    "test_dataset.py",
    "test_launch.py",
    "test_checkpoints.py",
    "test_commands.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that take longest come first, so that two processes end at about the same time."""
    items.sort(key=lambda item: SLOWEST.index(item.path.name) if item.path.name in SLOWEST else len(SLOWEST))
