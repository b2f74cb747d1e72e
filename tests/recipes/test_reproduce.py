"""The script from code to a score goes on where it was stopped; stand-ins take the place of its commands."""

import os
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "recipes" / "smollm2-135m" / "reproduce.sh"
ARMS = ["base.eval", "control.stage2", "control.eval", "codeio.stage1", "codeio.stage2", "codeio.eval"]


@pytest.fixture
def run(tmp_path: Path) -> "Run":
    return Run(tmp_path)


class Run:
    """The script with a `python` that notes its arguments, and fails once at the commands that hold a given text."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.noted, self.failing = folder, folder / "noted", folder / "failing"
        self.python = folder / "python"
        self.python.write_text(
            f'#!/bin/bash\necho "$*" >> {self.noted}\n'
            f'if [ -e {self.failing} ] && [[ "$*" == *"$(cat {self.failing})"* ]]; then echo "it is full" ; exit 3; fi\n',
            encoding="utf-8",
        )
        self.python.chmod(0o755)

    def __call__(self, *flags: str) -> subprocess.CompletedProcess[str]:
        self.noted.write_text("", encoding="utf-8")
        given = {
            "PYTHON": str(self.python),
            "OUT": str(self.folder / "out"),
            "MODEL": "m",
            "DATA": "d",
            "TOKENS": "5000",
        }
        return subprocess.run(
            [str(SCRIPT), *flags], env={**os.environ, **given}, capture_output=True, text=True, timeout=60
        )

    def commands(self) -> list[str]:
        return self.noted.read_text(encoding="utf-8").splitlines()

    def done(self) -> set[str]:
        return {path.name for path in (self.folder / "out" / "done").iterdir()}


def test_every_arm_in_order_and_then_nothing_again(run: Run) -> None:
    told = run()
    assert told.returncode == 0, told.stderr
    assert {"subset", *ARMS} <= run.done()
    kinds = [
        words[3] if words[1:3] == ["-m", "eval"] else words[2]
        for words in map(str.split, ["- " + c for c in run.commands()])
    ]
    assert kinds.count("recipes.sft") == 3 and kinds[-2:] == ["compare", "recipes"]
    trained = [command for command in run.commands() if "recipes.sft" in command]
    assert "--model_name_or_path m" in trained[0] and "models/control" in trained[0]
    assert (
        "codeio_stage1 " in trained[1] and f"--model_name_or_path {run.folder}/out/models/codeio_stage1" in trained[2]
    )
    assert run().returncode == 0
    assert [c for c in run.commands() if "recipes.sft" in c or "eval run" in c or "subset" in c.split()] == []


@pytest.mark.parametrize("step", ["recipes.sft --config recipes/smollm2-135m/reproduce_stage1", "eval/control"])
def test_a_step_that_failed_is_done_again_and_no_other(run: Run, step: str) -> None:
    run.failing.write_text(step, encoding="utf-8")
    told = run()
    assert told.returncode == 1 and "failed" in told.stderr and "it is full" in told.stderr
    before = run.done()
    run.failing.unlink()
    assert run().returncode == 0
    assert step in run.commands()[0]
    assert set(ARMS) - before <= run.done()


def test_further_arms_and_unknown_options(run: Run) -> None:
    assert run("--pp", "--all").returncode == 0
    assert {"codeio_pp.eval", "all.eval"} <= run.done()
    assert any("--task input" in command for command in run.commands())
    assert run("--fast").returncode == 2


def test_one_gpu(run: Run) -> None:
    assert run("--gpu").returncode == 0
    trained = [command for command in run.commands() if "recipes.sft" in command]
    assert all("recipes/smollm2-135m/gpu_stage" in command for command in trained)
    cpu, gpu = (
        yaml.safe_load((SCRIPT.parent / f"{name}_stage2.yaml").read_text("utf-8")) for name in ("reproduce", "gpu")
    )
    differing = {key for key in cpu | gpu if cpu.get(key) != gpu.get(key)}
    assert differing == {"model_name_or_path", "attn_implementation", "bf16", "use_cpu", "output_dir"}
