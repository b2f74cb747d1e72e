"""One sandbox for all tests of this folder: every test also shows that the one before left it in order."""

from collections.abc import Iterator

import pytest

from build.sandbox import Limits, Sandbox


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(Limits(call_cpu_s=0.5, job_cpu_s=3.0, memory_mb=256)) as sandbox:
        yield sandbox
