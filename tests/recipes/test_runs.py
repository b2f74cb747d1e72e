"""A run resumes to the same losses, does not depend on the number of processes, and can be pushed and loaded."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("trl")

from build.core.errors import ConfigError
from recipes import sft
from recipes.checkpoints import WHOLE, fault_of
from tests.loopback_hub import LoopbackHub
from tests.recipes.dry_run import RECIPES


def losses(folder: Path) -> list[float]:
    log = json.loads((folder / "trainer_state.json").read_text(encoding="utf-8"))["log_history"]
    return [entry["loss"] for entry in log if "loss" in entry]


@pytest.fixture
def finished(arguments: list[str], tmp_path: Path) -> Path:
    sft.train(arguments)
    return tmp_path / "run"


def test_stopped_run_resumes_to_the_same_losses(finished: Path, arguments: list[str], tmp_path: Path) -> None:
    stopped = tmp_path / "stopped"
    stopped.mkdir()
    shutil.copytree(finished / "checkpoint-2", stopped / "checkpoint-2")
    shutil.copy(finished / "recipe.json", stopped)
    trainer = sft.train([*arguments, "--output_dir", str(stopped)])
    assert trainer.state.global_step == 4
    assert losses(stopped) == pytest.approx(losses(finished), rel=1e-6)
    with pytest.raises(ConfigError, match=r"another run \(learning_rate was 0.001, is 0.002\)"):
        sft.train([*arguments, "--output_dir", str(stopped), "--learning_rate", "2.0e-3"])


def test_run_folder_has_picture_card_and_curves(finished: Path) -> None:
    assert (finished / "curves.png").read_bytes().startswith(b"\x89PNG")
    card = (finished / "README.md").read_text(encoding="utf-8")
    assert "63 samples" in card and "1 (over max_length tokens)" in card and "trl 1.16.0" in card and "Commit" in card
    assert "| learning_rate" in card and str(finished.parent) not in card
    assert losses(finished)[-1] < losses(finished)[0]


def test_packed_rows_give_the_loss_of_their_samples(arguments: list[str], tmp_path: Path) -> None:
    """Packed samples do not see each other: one step over all rows has the same loss, packed or not."""
    whole = [
        "--global_batch_size",
        "64",
        "--per_device_train_batch_size",
        "64",
        "--max_steps",
        "1",
        "--save_strategy",
        "no",
    ]
    sft.train([*arguments, *whole, "--output_dir", str(tmp_path / "plain")])
    packed = ["--packing", "true", "--per_device_train_batch_size", "1", "--attn_implementation", "sdpa"]
    sft.train([*arguments, *whole, *packed, "--output_dir", str(tmp_path / "packed")])
    assert losses(tmp_path / "packed") == pytest.approx(losses(tmp_path / "plain"), rel=1e-4)


def test_two_processes_give_the_losses_of_one(finished: Path, arguments: list[str], tmp_path: Path) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "--master_port", "0"]
    launcher += ["--rdzv_backend", "c10d", "--rdzv_endpoint", "127.0.0.1:0", "-m", "recipes.sft"]
    command = [*launcher, *arguments, "--output_dir", str(tmp_path / "two")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=RECIPES.parent)
    assert done.returncode == 0, done.stderr[-3000:]
    assert losses(tmp_path / "two") == pytest.approx(losses(finished), rel=1e-5)


LOAD = """
import sys
from transformers import AutoModelForCausalLM, AutoTokenizer
tokenizer = AutoTokenizer.from_pretrained("me/toy")
model = AutoModelForCausalLM.from_pretrained("me/toy")
prompt = tokenizer.apply_chat_template([{"role": "user", "content": "hi"}], add_generation_prompt=True, return_tensors="pt",
                                       return_dict=True)
model.generate(**prompt, max_new_tokens=2)
print("LOADED", sum(float(weight.sum()) for weight in model.parameters()), tokenizer.eos_token)
"""


def test_checkpoint_is_pushed_to_a_hub_and_loads_from_it(arguments: list[str], tmp_path: Path) -> None:
    with LoopbackHub() as hub:
        environment = hub.environment(tmp_path / "home")
        push = ["--push_to_hub", "true", "--hub_model_id", "me/toy", "--hub_strategy", "checkpoint"]
        command = [sys.executable, "-m", "recipes.sft", *arguments, *push]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=RECIPES.parent)
        assert done.returncode == 0, done.stderr[-3000:]
        files = hub.files("model", "me/toy")
        assert {"model.safetensors", "tokenizer.json", "chat_template.jinja", "README.md", "curves.png"} <= files.keys()
        assert b"arXiv 2502.07316" in files["README.md"]
        assert b"endgeneration" not in files["chat_template.jinja"]
        pushed = {name.removeprefix("last-checkpoint/") for name in files if name.startswith("last-checkpoint/")}
        assert {WHOLE, "optimizer.pt", "trainer_state.json", "rng_state.pth"} <= pushed
        for name in pushed:  # downloaded, it is a whole checkpoint
            (tmp_path / "downloaded" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "downloaded" / name).write_bytes(files[f"last-checkpoint/{name}"])
        assert fault_of(tmp_path / "downloaded") == ""
        assert files["model.safetensors"] == (tmp_path / "run" / "model.safetensors").read_bytes()
        loaded = subprocess.run([sys.executable, "-c", LOAD], env=environment, capture_output=True, text=True)
        assert loaded.returncode == 0, loaded.stderr[-3000:]
        assert "LOADED" in loaded.stdout and "<|im_end|>" in loaded.stdout
