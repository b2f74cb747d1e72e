"""The rehearsal's own parts: what it compares, what it kills, and the dry run of the check on a GPU."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("trl")

import torch
from click.testing import CliRunner
from safetensors.torch import save_file

from build.core.errors import RunError
from recipes.__main__ import main
from recipes.rehearse import FOLDERS, Rehearsal, kill_tree, table, weights_apart


def test_weights_that_are_nothing_are_not_the_same(tmp_path: Path) -> None:
    """An adapter saved empty, twice, is no proof of anything."""
    for name, tensors in (
        ("a", {"w": torch.ones(2)}),
        ("b", {"w": torch.ones(2) * 3}),
        ("c", {}),
        ("d", {"v": torch.ones(2)}),
    ):
        (tmp_path / name).mkdir()
        save_file(tensors, tmp_path / name / "adapter_model.safetensors")
    assert weights_apart(tmp_path / "a", tmp_path / "a") == 0
    assert weights_apart(tmp_path / "a", tmp_path / "b") == 2
    for one, other in (("c", "c"), ("a", "d"), ("a", "nowhere")):
        with pytest.raises(RunError):
            weights_apart(tmp_path / one, tmp_path / other)


TREE = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
print(child.pid, flush=True)
child.wait()
"""


def test_kill_reaches_processes_in_sessions_of_their_own() -> None:
    process = subprocess.Popen([sys.executable, "-c", TREE], stdout=subprocess.PIPE)
    assert process.stdout is not None
    child = int(process.stdout.readline())
    kill_tree(process)
    for _ in range(200):
        status = Path(f"/proc/{child}/stat")
        if not status.exists() or status.read_text().rpartition(")")[2].split()[0] == "Z":
            return
        time.sleep(0.02)
    raise AssertionError("the child lives")


def test_the_table_says_what_does_not_hold() -> None:
    good, bad = Rehearsal("qwen2", "FSDP2", "full"), Rehearsal("llama", "ZeRO-3", "lora", error="the weights are apart")
    shown = table([good, bad]).splitlines()
    assert shown[2].rstrip(" |").endswith("yes") and "the weights are apart" in shown[3]


@pytest.mark.parametrize(("option", "value"), [("--model", "qwen3"), ("--launcher", "ddp")])
def test_unknown_names_are_one_sentence(option: str, value: str) -> None:
    done = CliRunner().invoke(main, ["rehearse", option, value])
    assert done.exit_code == 1 and f"{value} is not known; choose from" in done.output
    assert set(FOLDERS) == {"qwen2", "llama", "deepseek_v2", "gemma2"}
