"""What a person sees: help, one sentence for what is wrong, and never a traceback."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from build.__main__ import _ELSEWHERE
from tests.build.conftest import write_recipe

ROOT = Path(__file__).resolve().parents[1]


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize(
    "arguments",
    [["codeio_dataset.py"], ["-m", "build"], ["-m", "build", "run"], ["-m", "build", "check"]],
    ids=lambda arguments: " ".join(arguments),
)
def test_help_says_what_a_command_is_for(arguments: list[str]) -> None:
    done = command(*arguments, "--help")
    assert done.returncode == 0 and len(done.stdout.splitlines()) > 5


@pytest.mark.parametrize(
    "arguments", [["codeio_dataset"], ["build"], ["build", "run"], ["build", "check"]], ids=" ".join
)
def test_help_does_not_wait_for_slow_libraries(arguments: list[str]) -> None:
    start = (
        f"import atexit, runpy, sys; sys.argv = {[*arguments, '--help']!r}; "
        "atexit.register(lambda: print('LOADED', *sys.modules)); "
        f"runpy.run_module({arguments[0]!r}, run_name='__main__', alter_sys=True)"
    )
    done = command("-c", start)
    loaded = set(done.stdout.partition("LOADED")[2].split())
    assert "click" in loaded and not loaded & {
        "datasets",
        "matplotlib",
        "pandas",
        "pyarrow",
        "pydantic",
        "huggingface_hub",
    }


@pytest.mark.parametrize("name", sorted(_ELSEWHERE))
def test_every_command_is_there(name: str) -> None:
    done = command("-m", "build", name, "--help")
    assert done.returncode == 0 and "Usage: " in done.stdout


def test_an_old_python_is_told_before_anything_is_installed(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "requirements.txt").write_text("")
    old = "import sys; sys.version_info, sys.version = (3, 10, 4), '3.10.4 (old)'; exec(sys.argv[2])"
    (tmp_path / "python").write_text(f'#!/bin/sh\nexec {sys.executable} -c "{old}" "$@"\n')
    (tmp_path / "python").chmod(0o755)
    made = ["make", "demo", "PYTHON=./python"]
    done = subprocess.run(made, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0 and not (tmp_path / ".venv").exists()
    assert done.stderr.startswith("Error: Python 3.10.4 is too old: 3.11 or newer is needed")


def test_a_typo_in_a_recipe_is_one_sentence(tmp_path: Path) -> None:
    path = write_recipe(tmp_path, sampling={"dras": 5})
    done = command("codeio_dataset.py", "--config", str(path))
    assert done.returncode == 1 and done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1
    assert "`sampling.dras`" in done.stderr and str(path) in done.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["codeio_dataset.py", "--config", "nowhere.yaml"], "nowhere.yaml: cannot be read"),
        (["codeio_dataset.py", "--cofnig", "x"], "No such option"),
        (["-m", "build", "check", "nowhere"], "nowhere: is not a run folder"),
        (["-m", "build", "run", "--config", "recipes/data/demo.yaml", "--rank", "2", "--world", "2"], "--rank below"),
        (["-m", "build", "run", "--config", "nowhere.yaml"], "nowhere.yaml: cannot be read"),
    ],
)
def test_wrong_arguments_are_said_so(arguments: list[str], told: str) -> None:
    done = command(*arguments)
    assert done.returncode != 0 and told in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("package", "missing", "arguments"),
    [
        ("eval", "scipy", ["run", "runs/x", "--model-args", "pretrained=x"]),
        ("recipes", "transformers", ["plan", "recipes/qwen2.5-coder-7b/stage1_codeio_pp.yaml", "--gpus", "8"]),
    ],
)
def test_a_library_that_is_not_installed_is_one_sentence(package: str, missing: str, arguments: list[str]) -> None:
    start = (
        f"import runpy, sys; sys.modules[{missing!r}] = None; sys.argv = [{package!r}, *{arguments!r}]; "
        f"runpy.run_module({package!r}, run_name='__main__', alter_sys=True)"
    )
    done = command("-c", start)
    assert done.returncode != 0 and "Traceback" not in done.stderr
    assert re.search(rf"{missing}[.\w]* is not installed; pip install -r requirements/", done.stderr)


def test_a_dry_run_needs_neither_the_model_nor_its_key(tmp_path: Path) -> None:
    teacher = {"name": "openai", "model": "m", "endpoints": ["http://127.0.0.1:9/v1"], "key_variable": "NO_SUCH_KEY"}
    path = write_recipe(tmp_path, teacher=teacher)
    done = command("codeio_dataset.py", "--config", str(path), "--dry-run")
    assert done.returncode == 0 and "Nothing was asked." in done.stdout
    done = command("codeio_dataset.py", "--config", str(path))
    assert done.returncode == 1 and "NO_SUCH_KEY" in done.stderr and "Traceback" not in done.stderr


def test_full_isolation_is_demanded_or_refused_in_one_sentence(tmp_path: Path) -> None:
    path = write_recipe(tmp_path)
    done = command("codeio_dataset.py", "--config", str(path), "--require-isolation", "full")
    missing = done.stderr.splitlines()[0].partition("missing: ")[2]
    if missing == "none":
        assert done.returncode == 0 and "sandbox layers: rlimits" in done.stderr
    else:
        assert done.returncode == 1 and "Traceback" not in done.stderr


def test_a_source_that_is_not_there_ends_cleanly_and_can_be_mended(tmp_path: Path) -> None:
    path = write_recipe(tmp_path, sources=[{"kind": "jsonl", "name": str(tmp_path / "later.jsonl")}])
    done = command("codeio_dataset.py", "--config", str(path))
    assert done.returncode == 1 and "later.jsonl: no such file" in done.stderr and "Traceback" not in done.stderr
    (tmp_path / "later.jsonl").write_text('{"content": "broken"}\n{"content": 5}\nnot json\n')
    done = command("codeio_dataset.py", "--config", str(path))
    assert done.returncode == 1 and "the run has no instance" in done.stderr and "Traceback" not in done.stderr
    assert "bad_row 2, too_small 1" in done.stdout


SLOW = '''
def slow(text: str, number: int) -> int:
    """Count up slowly from a number and the length of a text.

    Args:
        text: A text.
        number: Where to start.

    Returns:
        The number reached.
    """
    return number + len(text) + sum(range(2_000_000)) % 3
'''


def test_ctrl_c_stops_at_once_and_the_run_can_go_on(tmp_path: Path) -> None:
    path = write_recipe(tmp_path, sampling={"call_cpu_s": 5.0, "function_cpu_s": 60.0, "distinct": 1000})
    shutil.rmtree(tmp_path / "raw")
    (tmp_path / "raw").mkdir()
    for number in range(4):  # shards of two: the pool hands out more than the one that is worked on
        (tmp_path / "raw" / f"{number}.py").write_text(SLOW.replace("% 3", f"% {number + 3}"))
    process = subprocess.Popen(
        [sys.executable, "codeio_dataset.py", "--config", str(path)],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # ignored below a shell's background job
    )
    while not (tmp_path / "run" / "unify" / "00001.jsonl.zst").exists():
        assert process.poll() is None
        time.sleep(0.05)
    time.sleep(0.5)
    os.killpg(process.pid, signal.SIGINT)
    _, told = process.communicate(timeout=20)  # without the end of the workers, two shards of a minute each
    assert process.returncode == 1 and "Stopped. Run the same command again" in told and "Traceback" not in told
    assert len(list((tmp_path / "run").glob("sample/*.jsonl.zst"))) < 2
