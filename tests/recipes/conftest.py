"""A tiny model and data set for the tests of this folder, built once; no network."""

from pathlib import Path

import pytest

from tests.recipes.tiny import dataset_folder, tiny_model


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A two-layer Qwen2."""
    return tiny_model("qwen2", tmp_path_factory.mktemp("models") / "qwen2")


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset folder in the published layout."""
    return dataset_folder(tmp_path_factory.mktemp("data") / "toy")


@pytest.fixture
def arguments(model: Path, data: Path, tmp_path: Path) -> list[str]:
    """The command line of a small run: 4 steps of 4 sequences, a checkpoint after the second."""
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        f"""
model_name_or_path: {model}
chat_template_path: recipes/templates/chatml.jinja
eos_token: <|im_end|>
datasets:
- {{path: {data}, name: codeio_pp}}
output_dir: {tmp_path / "run"}
prepared_dir: {tmp_path / "prepared"}
max_length: 512
global_batch_size: 4
per_device_train_batch_size: 2
learning_rate: 1.0e-3
lr_scheduler_type: constant
max_steps: 4
logging_steps: 1
save_steps: 2
bf16: false
use_cpu: true
report_to: none
""",
        encoding="utf-8",
    )
    return ["--config", str(recipe)]
