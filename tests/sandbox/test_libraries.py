"""The sandbox changes no result of well-known libraries, but where the reason is told."""

from collections.abc import Iterator

import pytest

from build.bench.baseline import Unprotected
from build.bench.libraries import CALLS, DIFFERENT, LibraryCall
from build.sandbox import Limits, Program, Sandbox


@pytest.fixture(scope="module")
def confined() -> Iterator[Sandbox]:
    with Sandbox(Limits()) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def plain() -> Iterator[Sandbox]:
    with Unprotected(real=True) as interpreter:
        yield interpreter


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_a_library_gives_what_it_gives_in_a_plain_interpreter(
    confined: Sandbox, plain: Sandbox, call: LibraryCall
) -> None:
    if not call.installed:
        pytest.skip(f"needs {' and '.join(call.needs)}")
    (mine,) = confined.call(Program(call.code), ["{}"])
    if call.name in DIFFERENT:
        assert mine.status in ("exception", "killed") or call.name == "how the interpreter was started"
        return
    (other,) = plain.call(Program(call.code), ["{}"])
    assert (mine.status, mine.value) == (other.status, other.value) and mine.status == "ok", mine.detail
