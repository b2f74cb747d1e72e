"""Layers that are missing are named, and what is left still holds; too little is refused."""

import json
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from build.sandbox import Sandbox, kernel
from build.sandbox.layers import LAYERS

SCRIPT = Path(__file__).with_name("lockdown.py")

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux") or platform.machine() != "x86_64", reason="takes layers away with seccomp"
)


def locked_down(*wishes: str) -> dict[str, Any]:
    done = subprocess.run([sys.executable, SCRIPT, *wishes], capture_output=True, text=True, check=False)
    if "nobody" in wishes and done.returncode and "Error" in done.stderr:
        pytest.skip(f"nobody cannot run this checkout: {done.stderr.splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def missing(answer: dict[str, Any]) -> str:
    return str(answer["line"].split("; missing: ")[1])


def test_every_layer_is_named_as_active_or_missing(sandbox: Sandbox) -> None:
    layers = sandbox.layers
    assert set(layers.active) | set(layers.missing) == set(LAYERS)
    assert not set(layers.active) & set(layers.missing)


@pytest.mark.parametrize("wishes", [("nobody",), ("no-namespaces",), ("nobody", "no-namespaces")], ids=" ".join)
def test_the_threats_get_their_verdicts_with_what_is_left(wishes: tuple[str, ...]) -> None:
    answer = locked_down(*wishes, "threats")
    assert answer["wrong"] == []
    assert answer["value"] == "2"
    assert ("namespaces" in missing(answer)) == ("no-namespaces" in wishes)


@pytest.mark.parametrize("lacking", ["landlock", "seccomp"])
def test_without_seccomp_or_landlock_nothing_runs_unless_asked(lacking: str) -> None:
    refusal = locked_down(f"no-{lacking}")["refused"]
    assert lacking in refusal
    assert "--unsafe-exec" in refusal
    answer = locked_down(f"no-{lacking}", "unsafe")
    assert answer["value"] == "2"
    assert lacking in missing(answer)


def test_the_empty_folder_has_a_name_that_no_readable_path_has(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()  # a checkout below a folder of that name took the namespaces away
    assert kernel.free_name(tmp_path) == "empty_"


def test_full_isolation_is_refused_by_the_name_of_what_lacks() -> None:
    assert "namespaces" in locked_down("no-namespaces", "full")["refused"]


def test_with_nothing_left_an_honest_program_still_runs_when_asked() -> None:
    answer = locked_down("nobody", "no-namespaces", "no-landlock", "no-seccomp", "unsafe")
    assert answer["value"] == "2"
    assert all(name in missing(answer) for name in ("namespaces", "landlock", "seccomp"))
