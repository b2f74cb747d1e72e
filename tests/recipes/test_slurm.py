"""The Slurm file launches every node with its rank, and a job near its limit is stopped with a checkpoint and queued again."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "recipes" / "slurm" / "train.sbatch"

SRUN = """#!/bin/bash
shift
for SLURM_NODEID in 0 1; do export SLURM_NODEID; "$@" & done
for job in $(jobs -p); do wait $job || exit 7; done
"""
SCONTROL = """#!/bin/bash
if [ "$1" = show ]; then printf "first\\nsecond\\n"; else echo "$@" >> "$WORK/requeued"; fi
"""
ACCELERATE = """#!/bin/bash
echo "$@" >> "$WORK/launched-$SLURM_NODEID"
for _ in $(seq 600); do
  [ -f "$WORK/out/stop" ] && exit 0
  sleep 0.05
done
"""


@pytest.fixture
def started(tmp_path: Path) -> "subprocess.Popen[bytes]":
    for name, text in (("srun", SRUN), ("scontrol", SCONTROL), ("accelerate", ACCELERATE)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    (tmp_path / "recipe.yaml").write_text("output_dir: nowhere  # replaced\n")
    environment = {
        **os.environ,
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "WORK": str(tmp_path),
        "VENV": str(tmp_path),
        "SLURM_JOB_NODELIST": "nodes[1-2]",
        "SLURM_NNODES": "2",
        "SLURM_GPUS_ON_NODE": "4",
        "SLURM_JOB_ID": "77",
    }
    command = ["bash", str(SCRIPT), str(tmp_path / "recipe.yaml"), "--output_dir", str(tmp_path / "out"), "--seed", "3"]
    return subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE)


def launched(folder: Path) -> list[str]:
    """What the launcher of each node was called with."""
    for _ in range(600):
        files = sorted(folder.glob("launched-*"))
        if len(files) == 2 and all(file.read_text() for file in files):
            return [file.read_text().strip() for file in files]
        time.sleep(0.05)
    raise AssertionError("not launched")


def test_nodes_are_launched_and_a_signal_stops_and_requeues(started: "subprocess.Popen[bytes]", tmp_path: Path) -> None:
    lines = launched(tmp_path)
    for rank, line in enumerate(lines):
        assert "--num_machines 2 --num_processes 8" in line and "--main_process_ip first" in line
        assert f"--machine_rank {rank} " in line and line.endswith(f"--output_dir {tmp_path / 'out'} --seed 3")
    started.send_signal(signal.SIGUSR1)
    assert started.wait(120) == 0
    assert (tmp_path / "requeued").read_text() == "requeue 77\n"


def test_a_finished_or_failed_run_is_not_requeued(started: "subprocess.Popen[bytes]", tmp_path: Path) -> None:
    launched(tmp_path)
    (tmp_path / "out" / "stop").touch()  # the stub ends as a run does that has come to its end
    assert started.wait(120) == 0
    assert not (tmp_path / "requeued").exists()


def test_each_job_of_an_array_is_a_rank_of_the_run(tmp_path: Path) -> None:
    (tmp_path / "python").write_text('#!/bin/bash\necho "$@"\n')
    (tmp_path / "python").chmod(0o755)
    environment = {**os.environ, "VENV": str(tmp_path), "SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_TASK_COUNT": "8"}
    command = ["bash", str(SCRIPT.with_name("data.sbatch")), "r.yaml", "--require-isolation", "full"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "-m build run --config r.yaml --rank 3 --world 8 --require-isolation full\n"
