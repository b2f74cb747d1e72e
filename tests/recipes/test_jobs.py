"""The script that makes a dataset on HF Jobs: what it depends on, and how the Hub's command reads it."""

import ast
import os
import subprocess
import sys
import tomllib
from pathlib import Path

from recipes.jobs.dataset import command

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "recipes" / "jobs" / "dataset.py"


def test_it_has_the_pins_of_the_core() -> None:
    block = SCRIPT.read_text().partition("# ///\n")[0].partition("\n")[2]
    header = tomllib.loads("".join(line.removeprefix("#").removeprefix(" ") + "\n" for line in block.split("\n")))
    pins = [line for line in (ROOT / "requirements.txt").read_text().split("\n") if line and not line.startswith("#")]
    assert header["dependencies"] == pins


def test_it_needs_nothing_of_the_checkout_to_start() -> None:
    tree = ast.parse(SCRIPT.read_text())
    names = {ast.unparse(node).split()[1] for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)}
    assert names <= set(sys.stdlib_module_names)


def test_it_runs_the_command_of_the_checkout() -> None:
    found = command("recipes/data/demo.yaml", "me/demo", ROOT)
    told = subprocess.run([*found, "--help"], capture_output=True, text=True, timeout=120)
    assert told.returncode == 0 and all(Path(part).exists() for part in (found[1], found[3]))


def test_the_hubs_command_takes_it(tmp_path: Path) -> None:
    hf = Path(sys.executable).with_name("hf")
    arguments = ["--namespace", "me", "-v", "hf://me/codeio:/code", "--with", "algorithms==1.0.1"]
    done = subprocess.run(
        [hf, "jobs", "uv", "run", "--dry-run", *arguments, SCRIPT, "recipes/data/demo.yaml", "me/demo"],
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | {"HF_TOKEN": "hf_none", "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"},
    )
    assert done.returncode == 0, done.stderr
    told = done.stdout + done.stderr
    assert "cpu-upgrade" in told and "recipes/data/demo.yaml me/demo" in told and "not submitted" in told
