"""A run goes on from its newest whole checkpoint, never from half of one, and never as another run."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("trl")

import pyarrow.parquet as pq
from safetensors.torch import load_file
from transformers import TrainerCallback

from build.core.errors import ConfigError
from recipes import sft
from recipes.checkpoints import MAY_CHANGE, WHOLE, check_unchanged, fault_of, fixed_record, mark_whole, resume_from
from recipes.config import GRPOTrainingConfig, SFTTrainingConfig, TrainingConfig, read_training_config
from recipes.launch import SAVED_AND_STOPPED
from recipes.trainer import TrainingStopped
from tests.recipes.dry_run import RECIPES


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, model: Path, data: Path) -> Path:
    """A run of four steps with checkpoints after two and four, and the recipe beside it."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "recipe.yaml").write_text(
        f"""
model_name_or_path: {model}
chat_template_path: recipes/templates/chatml.jinja
eos_token: <|im_end|>
datasets:
- {{path: {data}, name: codeio_pp}}
output_dir: {folder / "run"}
prepared_dir: {folder / "prepared"}
max_length: 512
global_batch_size: 4
per_device_train_batch_size: 2
learning_rate: 1.0e-3
max_steps: 4
logging_steps: 1
save_steps: 2
bf16: false
use_cpu: true
report_to: none
""",
        encoding="utf-8",
    )
    sft.train(["--config", str(folder / "recipe.yaml")])
    return folder


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> tuple[list[str], Path]:
    """The command line on a copy of the finished run's checkpoints, and that copy."""
    out = tmp_path / "run"
    shutil.copytree(finished / "run", out, ignore=shutil.ignore_patterns("model*", "*.png", "README.md"))
    for step in (2, 4):
        shutil.copytree(finished / "run" / f"checkpoint-{step}", out / f"checkpoint-{step}", dirs_exist_ok=True)
    return ["--config", str(finished / "recipe.yaml"), "--output_dir", str(out)], out


def weights(folder: Path) -> dict[str, Any]:
    return {name: value.tolist() for name, value in load_file(folder / "model.safetensors").items()}


FILES = [
    "model.safetensors",
    "optimizer.pt",
    "scheduler.pt",
    "rng_state.pth",
    "trainer_state.json",
    "config.json",
    WHOLE,
]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("harm", ["missing", "truncated", "emptied", "overwritten"])
def test_no_harm_to_a_file_goes_unnoticed(run: tuple[list[str], Path], name: str, harm: str) -> None:
    arguments, out = run
    file = out / "checkpoint-4" / name
    content = file.read_bytes()
    if harm == "missing":
        file.unlink()
    else:
        file.write_bytes(
            {"truncated": content[: len(content) // 2], "emptied": b"", "overwritten": b"\0" * len(content)}[harm]
        )
    assert name in fault_of(out / "checkpoint-4")
    found, lines = resume_from(read_training_config(SFTTrainingConfig, arguments))
    assert found == str(out / "checkpoint-2")
    assert name in lines[0] and "going on from checkpoint-2" in lines[0]


def test_half_written_checkpoint_is_passed_over_to_the_same_weights(
    run: tuple[list[str], Path], finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments, out = run
    for name in (WHOLE, "trainer_state.json", "optimizer.pt"):
        (out / "checkpoint-4" / name).unlink()
    (out / "checkpoint-4" / "left over").touch()
    sft.train(arguments)
    said = capsys.readouterr().out
    assert "checkpoint-4 is not a whole checkpoint" in said and "going on from checkpoint-2" in said
    assert weights(out) == weights(finished / "run")
    assert not fault_of(out / "checkpoint-4") and not (out / "checkpoint-4" / "left over").exists()


@pytest.mark.parametrize("launches", [1, 3])
def test_a_run_killed_after_its_last_step_trains_no_further(
    launches: int, run: tuple[list[str], Path], finished: Path
) -> None:
    """However often it is launched again: what is left is to save the model."""
    arguments, out = run
    for _ in range(launches):
        trainer: Any = sft.train(arguments)
        assert trainer.state.global_step == 4
    assert weights(out) == weights(finished / "run")
    assert sorted(path.name for path in out.glob("checkpoint-*")) == ["checkpoint-2", "checkpoint-4"]


def test_a_run_killed_in_its_first_save_starts_again(run: tuple[list[str], Path]) -> None:
    arguments, out = run
    shutil.rmtree(out / "checkpoint-4")
    (out / "checkpoint-2" / WHOLE).unlink()
    found, lines = resume_from(read_training_config(SFTTrainingConfig, arguments))
    assert found is None and "starting from the first step" in lines[0]


def test_damage_to_the_only_checkpoint_is_a_persons_decision(run: tuple[list[str], Path]) -> None:
    arguments, out = run
    shutil.rmtree(out / "checkpoint-4")
    (out / "checkpoint-2" / "optimizer.pt").unlink()
    with pytest.raises(ConfigError, match=r"checkpoint-2 is not a whole checkpoint: optimizer.pt is missing.*no other"):
        sft.train(arguments)


def test_a_checkpoint_asked_for_by_name_must_be_whole(run: tuple[list[str], Path]) -> None:
    arguments, out = run
    asked = ["--resume_from_checkpoint", str(out / "checkpoint-2")]
    assert resume_from(read_training_config(SFTTrainingConfig, [*arguments, *asked]))[0] == asked[1]
    (out / "checkpoint-2" / "scheduler.pt").unlink()
    with pytest.raises(ConfigError, match=r"resume_from_checkpoint: .*scheduler.pt is missing"):
        sft.train([*arguments, *asked])


def test_a_checkpoint_from_the_hub_is_gone_on_from(run: tuple[list[str], Path], finished: Path) -> None:
    """`hub_strategy: checkpoint` keeps the newest as last-checkpoint; downloaded, it is a checkpoint like others."""
    arguments, out = run
    shutil.rmtree(out / "checkpoint-4")
    (out / "checkpoint-2").rename(out / "last-checkpoint")
    sft.train(arguments)
    assert weights(out) == weights(finished / "run")


def test_older_checkpoint_goes_only_after_the_newer_is_whole(
    run: tuple[list[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments, out = run
    shutil.rmtree(out / "checkpoint-4")

    def killed(folder: Path, step: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("recipes.trainer.mark_whole", killed)
    with pytest.raises(KeyboardInterrupt):
        sft.train([*arguments, "--save_total_limit", "1"])
    assert not fault_of(out / "checkpoint-2") and fault_of(out / "checkpoint-4")


@given(st.dictionaries(st.text("abc", min_size=1, max_size=3), st.binary(max_size=40), min_size=1, max_size=4))
@settings(max_examples=30, deadline=None)
def test_whole_means_every_byte_at_the_ends(tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]) -> None:
    folder = tmp_path_factory.mktemp("checkpoint")
    for name, content in files.items():
        (folder / name).write_bytes(content)
    mark_whole(folder, 1)
    assert fault_of(folder) == ""
    name = sorted(files)[0]
    (folder / name).write_bytes(files[name] + b"x")
    assert name in fault_of(folder)


OTHER: dict[str, Any] = {"bool": lambda v: not v, "int": lambda v: (v or 0) + 7, "float": lambda v: (v or 0) + 0.125}


def changed(config: TrainingConfig, key: str) -> Any:
    """Another value of a key, of its own type where that can be told."""
    for part in config:
        if hasattr(part, key):
            value = getattr(part, key)
            return OTHER.get(type(value).__name__, lambda v: "changed" if v is None or isinstance(v, str) else ["x"])(
                value
            )
    raise KeyError(key)


@pytest.mark.parametrize("kind", [SFTTrainingConfig, GRPOTrainingConfig])
def test_every_key_is_fixed_but_the_named_ones(kind: type, run: tuple[list[str], Path]) -> None:
    """Whatever key changes is named, unless it is in the list of those that may."""
    arguments, out = run
    if kind is GRPOTrainingConfig:
        recipe = out / "grpo.yaml"
        text = Path(arguments[1]).read_text(encoding="utf-8").replace("max_length: 512\n", "num_generations: 2\n")
        recipe.write_text(text, encoding="utf-8")
        arguments = ["--config", str(recipe), "--output_dir", str(out)]
    config = read_training_config(kind, arguments)
    record = fixed_record(config, "data")
    (out / "recipe.json").write_text(json.dumps(record), encoding="utf-8")
    check_unchanged(config, record)
    derived = {"chat_template", "data", "code", "libraries", "datasets", "global_batch_size"}
    for key in sorted(record.keys() - derived):
        other = {**record, key: json.loads(json.dumps(changed(config, key), default=str))}
        with pytest.raises(ConfigError, match=rf"\b{key} was"):
            check_unchanged(config, other)
    for key in ("data", "code", "libraries", "chat_template", "datasets"):
        with pytest.raises(ConfigError, match=rf"\b{key} was"):
            check_unchanged(config, {**record, key: "another"})
    grpo = (
        "epsilon_high delta top_k min_p importance_sampling_level mask_truncated_completions steps_per_generation beta"
    )
    assert set((grpo if kind is GRPOTrainingConfig else "").split()) | {"adam_epsilon", "seed"} <= record.keys()
    assert not MAY_CHANGE & record.keys()


def test_a_change_can_be_allowed_by_name(run: tuple[list[str], Path]) -> None:
    arguments, _ = run
    more = [*arguments, "--learning_rate", "5.0e-4", "--adam_epsilon", "1.0e-6"]
    with pytest.raises(
        ConfigError, match=r"adam_epsilon was .*; learning_rate was .*--allow_changes adam_epsilon learning"
    ):
        sft.train(more)
    sft.train([*more, "--allow_changes", "learning_rate", "adam_epsilon"])


def test_other_data_is_another_run(run: tuple[list[str], Path], data: Path, tmp_path: Path) -> None:
    arguments, _ = run
    moved = tmp_path / "moved"
    shutil.copytree(data, moved)
    sft.train([*arguments, "--datasets", json.dumps({"path": str(moved), "name": "codeio_pp"})])
    for file in moved.glob("data/codeio_pp/train.parquet"):
        table = pq.read_table(file)
        pq.write_table(table.slice(0, len(table) - 1), file)
    with pytest.raises(ConfigError, match="data was"):
        sft.train([*arguments, "--datasets", json.dumps({"path": str(moved), "name": "codeio_pp"})])


def test_sigterm_saves_and_the_next_launch_goes_on(run: tuple[list[str], Path], finished: Path) -> None:
    arguments, out = run
    shutil.rmtree(out)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    more = [*arguments, "--save_steps", "1000", "--max_steps", "4000", "--logging_steps", "1"]
    started = subprocess.Popen(
        [sys.executable, "-m", "recipes.sft", *more],
        cwd=RECIPES.parent,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert started.stdout is not None
    for line in started.stdout:
        if "tokens_per_second" in line:
            break
    time.sleep(0.1)
    started.send_signal(signal.SIGTERM)
    _, errors = started.communicate(timeout=120)
    assert started.returncode == SAVED_AND_STOPPED, errors[-2000:]
    assert "stopped by SIGTERM after step" in errors
    (saved,) = out.glob("checkpoint-*")
    assert not fault_of(saved)


class Poison(TrainerCallback):
    """Turns a weight into NaN before the third step."""

    def on_step_begin(self, args: Any, state: Any, control: Any, model: Any = None, **others: Any) -> None:
        if state.global_step == 2:
            next(iter(model.parameters())).data[0] = float("nan")


def test_nan_stops_the_run_by_name_and_is_never_saved(finished: Path, tmp_path: Path) -> None:
    out = tmp_path / "nan"
    arguments = ["--config", str(finished / "recipe.yaml"), "--output_dir", str(out), "--max_grad_norm", "1"]
    with pytest.raises(TrainingStopped, match=r"is nan at step 3; the last whole checkpoint is checkpoint-2"):
        sft.train([*arguments, "--save_steps", "1", "--save_total_limit", "1", "--logging_steps", "2"], [Poison()])
    assert [path.name for path in out.glob("checkpoint-*")] == ["checkpoint-2"]


def test_stop_file_ends_the_run_after_a_step(finished: Path, tmp_path: Path) -> None:
    out = tmp_path / "stopped"
    out.mkdir()
    (out / "stop").touch()
    arguments = ["--config", str(finished / "recipe.yaml"), "--output_dir", str(out)]
    with pytest.raises(TrainingStopped, match="stopped by the file stop after step 1"):
        sft.train(arguments)
    assert not fault_of(out / "checkpoint-1") and not (out / "stop").exists()
    sft.train(arguments)
    assert weights(out) == weights(finished / "run")


def test_log_has_throughput_and_what_the_tokens_are(finished: Path) -> None:
    log = json.loads((finished / "run" / "trainer_state.json").read_text(encoding="utf-8"))["log_history"]
    entries = [entry for entry in log if "loss" in entry]
    for entry in entries:
        assert entry["tokens_per_second"] > 0 and 0 < entry["supervised_share"] < 1 and 0 <= entry["padding_share"] < 1
    assert [entry["tokens_seen"] for entry in entries] == [
        sum(e["step_tokens"] for e in entries[: i + 1]) for i in range(4)
    ]
