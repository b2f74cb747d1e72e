"""What a machine or a launch cannot do is said in one sentence before the data is read."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

pytest.importorskip("trl")

import torch

from build.core.errors import ConfigError, RunError
from recipes import sft
from recipes.__main__ import main
from recipes.config import SFTTrainingConfig, read_training_config
from recipes.installed import attention_fault
from recipes.launch import check_machine, recompute_inside_fsdp
from recipes.merge import merge_adapter
from recipes.plan import data_warnings, plan
from tests.recipes.dry_run import RECIPES


def refusal(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> str:
    def read(*others: Any) -> None:
        raise AssertionError("the data was about to be read")

    monkeypatch.setattr(sft, "prepare", read)
    monkeypatch.setattr(sft, "data_digest", read)
    with pytest.raises(ConfigError) as refused:
        sft.train(arguments)
    return str(refused.value)


@pytest.mark.parametrize("kernel", ["flash_attention_2", "flash_attention_3", "kernels-community/flash-attn2"])
def test_missing_attention_kernel(kernel: str, arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    message = refusal([*arguments, "--attn_implementation", kernel], monkeypatch)
    assert message.startswith(f"attn_implementation: '{kernel}' needs a GPU") and "sdpa" in message


def test_kernel_that_is_not_installed_on_a_machine_with_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert "pip install flash-attn" in attention_fault("flash_attention_2")
    assert "pip install kernels" in attention_fault("kernels-community/flash-attn2")
    assert attention_fault("sdpa") == attention_fault(None) == ""


def test_misspelt_attention_kernel(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    message = refusal([*arguments, "--attn_implementation", "flash_attn_2"], monkeypatch)
    assert "did you mean 'flash_attention_2'?" in message


def test_plan_says_that_the_kernel_is_missing(arguments: list[str]) -> None:
    made = plan(Path(arguments[1]), 1, ("--attn_implementation", "flash_attention_2"))
    assert any("flash_attention_2" in note for note in made.notes)


@pytest.mark.parametrize("gpus", [2, 8])
def test_one_process_that_sees_several_gpus(gpus: int, arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    with pytest.raises(ConfigError, match=rf"sees {gpus} GPUs .*accelerate launch.*CUDA_VISIBLE_DEVICES"):
        read_training_config(SFTTrainingConfig, [*arguments, "--use_cpu", "false"])


def test_the_batch_is_never_multiplied_later(arguments: list[str]) -> None:
    config = read_training_config(SFTTrainingConfig, arguments).trainer
    assert config.train_batch_size * config.gradient_accumulation_steps == 4
    config._n_gpu = 8
    with pytest.raises(ConfigError, match="sees 8 GPUs"):
        config.train_batch_size  # noqa: B018


@pytest.mark.parametrize("extra", [["--dtype", "bfloat16"], ["--dtype", "float16"], ["--dtype", "auto"]])
def test_full_fine_tuning_of_16_bit_weights(
    extra: list[str], arguments: list[str], model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the precision is that of the files on disk."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    half = tmp_path / "half"
    AutoModelForCausalLM.from_pretrained(model, dtype=torch.bfloat16).save_pretrained(half)
    AutoTokenizer.from_pretrained(model).save_pretrained(half)
    given = [*arguments, "--model_name_or_path", str(half), *extra]
    assert refusal(given, monkeypatch).startswith("dtype: full fine-tuning of")
    check_machine(read_training_config(SFTTrainingConfig, [*given, "--allow_bf16_weights", "true"]))
    check_machine(read_training_config(SFTTrainingConfig, [*given, "--use_peft", "true"]))


@pytest.mark.parametrize("tracker", ["wandb", "trackio"])
def test_tracker_that_is_not_installed(tracker: str, arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    message = refusal([*arguments, "--report_to", tracker], monkeypatch)
    assert message.startswith("report_to:") and f"pip install {tracker}" in message


def test_gpu_recipe_on_a_machine_without_one() -> None:
    recipe = str(RECIPES / "qwen2.5-coder-7b" / "stage1_codeio.yaml")
    with pytest.raises(ConfigError, match=r"^bf16: this machine shows no GPU .*--bf16 false --use_cpu true"):
        read_training_config(SFTTrainingConfig, ["--config", recipe])


HIDDEN = "import sys; sys.modules[{0!r}] = None; import runpy; runpy.run_module('recipes.{1}', run_name='__main__')"


@pytest.mark.parametrize(("module", "package"), [("sft", "peft"), ("sft", "trl"), ("sft", "torch"), ("grpo", "torch")])
def test_missing_package_is_one_sentence(module: str, package: str) -> None:
    code = HIDDEN.format(package, module)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=RECIPES.parent)
    assert done.returncode == 2
    assert done.stderr.strip().splitlines()[-1].startswith("error: ") and "Traceback" not in done.stderr
    assert "requirements/train.txt" in done.stderr


@pytest.mark.parametrize(
    "command", [[], ["plan"], ["prepare"], ["merge"], ["doctor"], ["proof"], ["rehearse"], ["gpu-check"]]
)
@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help(command: list[str], option: str) -> None:
    done = CliRunner().invoke(main, [*command, option])
    assert done.exit_code == 0 and "Usage:" in done.output


def test_activations_are_recomputed_by_fsdp_where_there_is_fsdp(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = [*arguments, "--activation_checkpointing", "true"]
    config = read_training_config(SFTTrainingConfig, given).trainer
    monkeypatch.setenv("FSDP_ACTIVATION_CHECKPOINTING", "false")
    recompute_inside_fsdp(config, lora=False)
    assert config.activation_checkpointing and os.environ["FSDP_ACTIVATION_CHECKPOINTING"] == "false"
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    recompute_inside_fsdp(config, lora=True)  # peft would save an empty adapter
    assert config.activation_checkpointing
    recompute_inside_fsdp(config, lora=False)
    assert not config.activation_checkpointing and os.environ["FSDP_ACTIVATION_CHECKPOINTING"] == "true"


def rows(folder: Path, count: int) -> str:
    folder.mkdir()
    turns = [{"role": "user", "content": "Add 1 and 2."}, {"role": "assistant", "content": "That is 3."}]
    (folder / "train.jsonl").write_text((json.dumps({"messages": turns}) + "\n") * count, encoding="utf-8")
    return json.dumps({"path": str(folder)})


@pytest.mark.parametrize("count", [1, 3, 4, 6, 9])
def test_plan_and_run_count_the_same_epochs(count: int, arguments: list[str], tmp_path: Path) -> None:
    extra = ("--max_steps", "6", "--save_strategy", "no", "--datasets", rows(tmp_path / "rows", count))
    made = plan(Path(arguments[1]), 1, extra)
    trainer: Any = sft.train([*arguments, *extra])
    assert made.epochs == pytest.approx(trainer.state.epoch)
    assert made.tokens == pytest.approx(trainer.state.num_input_tokens_seen)


def test_batch_that_cannot_be_filled_and_many_epochs_are_warned_of(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = rows(tmp_path / "rows", 3)
    extra = ["--global_batch_size", "1024", "--max_steps", "2", "--save_strategy", "no", "--datasets", source]
    sft.train([*arguments, *extra])
    assert "warning: the data has 3 sequences and a step is meant to have 1024" in capsys.readouterr().out
    assert any("3 sequences" in note for note in plan(Path(arguments[1]), 1, tuple(extra)).notes)
    config = read_training_config(SFTTrainingConfig, [*arguments, "--max_steps", "700"])
    assert "700 epochs" in data_warnings(3, config)[-1]


def test_merge_is_a_command_of_its_own(arguments: list[str], tmp_path: Path) -> None:
    import shutil

    lora = ["--use_peft", "true", "--lora_r", "2", "--lora_target_modules", "q_proj", "v_proj", "--max_steps", "1"]
    sft.train([*arguments, *lora, "--save_strategy", "no"])
    out = tmp_path / "run"
    first = (out / "merged" / "model.safetensors").read_bytes()
    shutil.rmtree(out / "merged")
    done = CliRunner().invoke(main, ["merge", str(out)])
    assert done.exit_code == 0 and str(out / "merged") in done.output
    assert (out / "merged" / "model.safetensors").read_bytes() == first
    assert "endgeneration" not in (out / "merged" / "chat_template.jinja").read_text(encoding="utf-8")
    assert "endgeneration" not in (out / "chat_template.jinja").read_text(encoding="utf-8")
    nothing = CliRunner().invoke(main, ["merge", str(tmp_path)])
    assert nothing.exit_code == 1 and "no adapter_config.json" in nothing.output
    shutil.rmtree(tmp_path / "prepared")
    note = json.loads((out / "adapter_config.json").read_text(encoding="utf-8"))
    (out / "adapter_config.json").write_text(json.dumps({**note, "base_model_name_or_path": "/gone"}), encoding="utf-8")
    with pytest.raises(ConfigError, match="its base '/gone' cannot be loaded"):
        merge_adapter(out)


def test_smoke_measures_and_keeps_nothing(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sft.train([*arguments, "--smoke", "--price_per_gpu_hour", "2"])
    said = capsys.readouterr().out
    for words in (
        "20 steps on 1 processes",
        "tokens a second",
        "MFU",
        "peak memory",
        "under the loss",
        "padding",
        "cost",
    ):
        assert words in said
    assert not list((tmp_path / "run").glob("checkpoint-*")) and not (tmp_path / "run" / "model.safetensors").exists()


def test_an_adapter_without_weights_is_never_called_saved(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What peft does when it does not find the adapter in a wrapped model."""
    monkeypatch.setattr("peft.peft_model.get_peft_model_state_dict", lambda *others, **named: {})
    lora = ["--use_peft", "true", "--lora_r", "2", "--lora_target_modules", "q_proj", "v_proj"]
    with pytest.raises(RunError, match=r"checkpoint-2 was saved without a single weight"):
        sft.train([*arguments, *lora])


def test_held_out_benchmark_during_training(arguments: list[str], data: Path) -> None:
    """It generates from the model as it stands, changes nothing of the training, and logs a share."""
    steps = ["--save_strategy", "no", "--max_steps", "2"]
    plain: Any = sft.train([*arguments, *steps])
    keys = {"benchmark_steps": 1, "benchmark_rows": 3, "benchmark_new_tokens": 4}
    scored: Any = sft.train([*arguments, *steps, *(part for key in keys for part in (f"--{key}", str(keys[key])))])
    log = scored.state.log_history
    assert [entry["benchmark_accuracy"] for entry in log if "benchmark_accuracy" in entry] == [0.0, 0.0]
    losses = [[e["loss"] for e in trainer.state.log_history if "loss" in e] for trainer in (plain, scored)]
    assert losses[0] == losses[1] and scored.model.training
    with pytest.raises(ConfigError, match="benchmark_data: datasets: nothing to load at '/nowhere'"):
        sft.train([*arguments, *steps, "--benchmark_steps", "1", "--benchmark_data", "/nowhere"])


def test_plan_of_stage_2_needs_neither_the_hub_nor_the_data(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = RECIPES / "llama-3.1-8b" / "stage2.yaml"
    made = plan(recipe, 8)
    assert made.samples is None and made.tokens == pytest.approx(700 * 1024 * 4096 * 0.97)
    done = CliRunner().invoke(main, ["plan", str(recipe), "--gpus", "8"])
    assert done.exit_code == 0 and "not known" in done.output and "Retry" not in done.output


@pytest.mark.parametrize("folder", ["qwen2.5-coder-7b", "llama-3.1-8b", "deepseek-coder-v2-lite", "gemma-2-27b"])
def test_plan_of_a_base_model_needs_no_hub(folder: str, data: Path) -> None:
    source = json.dumps({"path": str(data), "name": "codeio"})
    made = plan(RECIPES / folder / "stage1_codeio.yaml", 8, ("--datasets", source))
    assert made.samples == 63 and made.memory > 10 and made.hours > 0
    assert any("estimated at 3.2 characters" in note for note in made.notes)
