"""Every recipe runs, and the paper's settings are what the trainer really used."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

pytest.importorskip("trl")

from tests.recipes.dry_run import FOLDERS, RECIPES, recipe_files

NAMES = [f"{path.parent.name}/{path.stem}" for path in recipe_files()]
MODELS = list(FOLDERS)[:4]
CLASSES = {"qwen2": "Qwen2", "llama": "Llama", "deepseek_v2": "DeepseekV2", "gemma2": "Gemma2"}

# Li et al., 2025, section 3: (stage 1 rate; stage 2 peak and minimum), and Gemma's own.
PAPER = dict.fromkeys(MODELS, (1e-5, 3e-5, 1e-6)) | {"gemma-2-27b": (4e-6, 1e-5, 3e-7)}


@pytest.fixture(scope="module")
def dry(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What each recipe's trainer used, all of them run in one `accelerate launch`."""
    work = tmp_path_factory.mktemp("dry")
    environment = {
        **os.environ,
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_DATASETS_CACHE": str(work / "cache"),
        "OMP_NUM_THREADS": "1",
        "PYTHONWARNINGS": "ignore",
    }
    command = [sys.executable, "-m", "accelerate.commands.launch", "--cpu", "--num_processes", "1"]
    command += ["-m", "tests.recipes.dry_run", str(work)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=RECIPES.parent)
    assert done.returncode == 0, done.stderr[-3000:]
    return dict(json.loads((work / "seen.json").read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", NAMES)
def test_recipe_runs_two_steps(dry: dict[str, dict[str, Any]], name: str) -> None:
    seen = dry[name]
    assert "error" not in seen, seen.get("error")
    assert seen["steps_done"] == 2
    assert len(seen["logged_rates"]) == 2
    assert {"README.md", "recipe.json", "curves.png", "config.json"} - set(seen["files"]) <= {"config.json"}
    assert seen["model"].startswith((CLASSES[FOLDERS[name.split("/")[0]]], "Peft"))
    assert ("merged/model.safetensors" in seen["files"]) == ("_lora" in name)


@pytest.mark.parametrize("model", MODELS)
def test_stage_1_settings_are_the_paper_s(dry: dict[str, dict[str, Any]], model: str) -> None:
    rate = PAPER[model][0]
    seen = dry[f"{model}/stage1_codeio"]
    assert seen["scheduler"] == "constant"
    assert seen["rates"] == pytest.approx([rate] * 4)
    assert seen["logged_rates"] == pytest.approx([rate] * 2)
    assert (seen["epochs"], seen["fixed_steps"], seen["warmup"]) == (1, False, 0)
    assert seen["batch"] == 1024
    assert seen["sequences"] == [1024, 63]  # 1088 rows, one over length: one epoch is a full step and the rest
    assert seen["max_length"] == 4096 and seen["longest"] <= 4096


@pytest.mark.parametrize("model", MODELS)
def test_stage_2_settings_are_the_paper_s(dry: dict[str, dict[str, Any]], model: str) -> None:
    _, peak, floor = PAPER[model]
    seen = dry[f"{model}/stage2"]
    assert seen["scheduler"] == "cosine_with_min_lr"
    assert seen["rates"][0] == pytest.approx(peak)
    assert seen["rates"][2] == pytest.approx((peak + floor) / 2)
    assert seen["rates"][3] == pytest.approx(floor)
    assert seen["logged_rates"] == pytest.approx(seen["rates"][:2])
    assert (seen["max_steps"], seen["fixed_steps"], seen["warmup"]) == (700, True, 0)
    assert seen["batch"] == 1024
    assert seen["max_length"] == 4096
    assert 1024 < seen["longest"] <= 4096  # packed: a sample has under 100 tokens


@pytest.mark.parametrize("name", NAMES)
def test_recipe_is_complete_and_explained(name: str) -> None:
    text = (RECIPES / f"{name}.yaml").read_text(encoding="utf-8")
    head = text.split("\n\n")[0]
    module = "recipes.grpo" if "grpo" in name else "recipes.sft"
    assert "# Hardware: " in head and f"-m {module} --config recipes/{name}.yaml" in head
    explained = (RECIPES / "README.md").read_text(encoding="utf-8")
    assert [key for key in yaml.safe_load(text) if f"| `{key}` |" not in explained] == []


@pytest.mark.parametrize("model", MODELS)
def test_lora_differs_only_where_it_must(model: str) -> None:
    for stage in ("stage1_codeio", "stage1_codeio_pp", "stage2"):
        full = yaml.safe_load((RECIPES / model / f"{stage}.yaml").read_text(encoding="utf-8"))
        lora = yaml.safe_load((RECIPES / model / f"{stage}_lora.yaml").read_text(encoding="utf-8"))
        changed = {key for key in full | lora if full.get(key) != lora.get(key)}
        assert changed <= {
            "use_peft", "lora_r", "lora_alpha", "lora_dropout", "lora_target_modules", "dtype", "learning_rate",
            "lr_scheduler_kwargs", "output_dir", "eos_token", "model_name_or_path", "chat_template_path",
        }  # fmt: skip


@pytest.mark.parametrize("path", sorted((RECIPES / "accelerate").glob("*.yaml")), ids=lambda path: path.stem)
def test_accelerate_config_is_read_by_accelerate(path: Path) -> None:
    from accelerate.commands.config.config_args import load_config_from_file

    written = yaml.safe_load(path.read_text(encoding="utf-8"))
    read = load_config_from_file(str(path))
    assert read.num_processes == written["num_processes"]
    assert read.distributed_type.value == written["distributed_type"]
    assert read.mixed_precision == "bf16"
