"""A recipe that cannot run says so in one sentence, before any weight is loaded."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("trl")

from build.core.errors import ConfigError
from recipes import grpo, sft
from recipes.config import accumulation_steps

SOURCE = '{{path: "{path}", name: {name}}}'


@pytest.fixture(autouse=True)
def no_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    def loaded(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("weights were about to be loaded")

    monkeypatch.setattr(sft, "RecipeTrainer", loaded)
    monkeypatch.setattr(grpo, "RecipeGRPOTrainer", loaded)


def refusal(arguments: list[str], capsys: pytest.CaptureFixture[str], module: Any = sft) -> str:
    with pytest.raises(SystemExit) as stopped:
        module.main(arguments)
    assert stopped.value.code == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1
    return lines[0]


def test_wrong_key_names_the_nearest(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    recipe = Path(arguments[1])
    recipe.write_text(recipe.read_text(encoding="utf-8") + "learning_rat: 1.0e-5\n", encoding="utf-8")
    message = refusal(arguments, capsys)
    assert "recipe.yaml" in message and "'learning_rat'" in message and "'learning_rate'" in message


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        (["--learning_rat", "1"], ["--learning_rat", "learning_rate"]),
        (["--learning_rate", "high"], ["learning_rate", "high"]),
        (["--lr_scheduler_type", "cosin"], ["cosin"]),
        (["--lr_scheduler_kwargs", '{"min_lr": "1e-6"}'], ["lr_scheduler_kwargs", "min_lr", "1.0e-6"]),
        (["--per_device_train_batch_size", "3"], ["global_batch_size 4", "can be 1, 2, 4"]),
        (["--model_name_or_path", "runs/nowhere"], ["model_name_or_path", "runs/nowhere", "stage 1"]),
        (["--eos_token", "<nowhere>"], ["eos_token", "<nowhere>"]),
        (["--chat_template_path", "nowhere.jinja"], ["chat_template_path", "nowhere.jinja", "recipes/templates"]),
        (["--push_to_hub", "true"], ["push_to_hub", "HF_TOKEN"]),  # the tests are offline
        (["--max_length", "3"], ["max_length", "3 tokens"]),
        (["--per_device_train_batch_size", "0"], ["per_device_train_batch_size", "at least 1"]),
        (["--config"], ["--config", "recipe file"]),
        (["--learning_rate=high"], ["learning_rate", "high"]),
        (["--datasets", '{path: x, nam: "codeio"}'], ["datasets", "nam"]),
        (["--datasets", "{path: x, portion: 2}"], ["datasets", "portion"]),
        (["--datasets", "{path: /nowhere/at/all}"], ["datasets", "/nowhere/at/all"]),
    ],
)
def test_wrong_value_is_named(
    arguments: list[str], capsys: pytest.CaptureFixture[str], extra: list[str], words: list[str]
) -> None:
    message = refusal([*arguments, *extra], capsys)
    assert [word for word in words if word not in message] == []


def test_missing_config_names_those_that_exist(
    arguments: list[str], data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    message = refusal([*arguments, "--datasets", SOURCE.format(path=data, name="codeio_ppp")], capsys)
    assert "'codeio_ppp'" in message and "codeio, codeio_pp, rl, instructions" in message


def test_config_without_responses_is_refused(
    arguments: list[str], data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    message = refusal([*arguments, "--datasets", SOURCE.format(path=data, name="rl")], capsys)
    assert "prompt and completion" in message


def test_missing_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert "no such file" in refusal(["--config", "nowhere.yaml"], capsys)


def test_template_that_trains_the_prompt_is_refused(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    template = tmp_path / "all.jinja"
    template.write_text(
        "{% for m in messages %}{% generation %}{{ m['content'] + eos_token }}{% endgeneration %}{% endfor %}",
        encoding="utf-8",
    )
    assert "generation block" in refusal([*arguments, "--chat_template_path", str(template)], capsys)


def test_reward_needs_the_rl_config(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    recipe = Path(arguments[1])
    text = recipe.read_text(encoding="utf-8").replace("max_length: 512\n", "num_generations: 2\n")
    recipe.write_text(text, encoding="utf-8")
    assert "config `rl`" in refusal(arguments, capsys, grpo)


def test_pass_rates_that_leave_nothing(arguments: list[str], data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = Path(arguments[1])
    text = recipe.read_text(encoding="utf-8").replace("max_length: 512\n", "num_generations: 2\n")
    recipe.write_text(text, encoding="utf-8")
    extra = ["--datasets", SOURCE.format(path=data, name="rl"), "--min_pass_rate", "0.8", "--max_pass_rate", "0.9"]
    assert "none of the 64 rows is left" in refusal([*arguments, *extra], capsys, grpo)


def test_a_config_given_with_an_equals_sign_is_checked_too(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = Path(arguments[1])
    recipe.write_text(recipe.read_text(encoding="utf-8") + "learning_rat: 1.0e-5\n", encoding="utf-8")
    assert "'learning_rat'" in refusal([f"--config={recipe}"], capsys)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ('{"messages": "text"}', ["messages", "lists of {role, content}"]),
        ('{"prompt": "text", "completion": "text"}', ["lists of {role, content}"]),
        ('{"messages": [{"from": "human", "value": "hello"}]}', ["messages", "lists of {role, content}"]),
        ('{"messages": [', ["cannot be loaded"]),
    ],
)
def test_rows_of_another_kind_are_refused(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], row: str, words: list[str]
) -> None:
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / "train.jsonl").write_text(row + "\n")
    message = refusal([*arguments, "--datasets", f"{{path: {tmp_path / 'rows'}}}"], capsys)
    assert [word for word in words if word not in message] == []


def test_reward_with_a_split_that_is_not_there(
    arguments: list[str], data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = Path(arguments[1])
    text = recipe.read_text(encoding="utf-8").replace("max_length: 512\n", "num_generations: 2\n")
    recipe.write_text(text, encoding="utf-8")
    source = f'{{path: "{data}", name: rl, split: nosuch}}'
    assert "'nosuch'" in refusal([*arguments, "--datasets", source], capsys, grpo)


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("verifier_url", "localhost:8700", "no URL of a verifier service"),
        ("extra_rewards", "length_reward", "'length_reward' is none"),
        ("reward_weights", "0.5 0.5", "reward_weights: give 1"),
    ],
)
def test_rewards_that_cannot_be_given(
    arguments: list[str], data: Path, capsys: pytest.CaptureFixture[str], option: str, value: str, words: str
) -> None:
    recipe = Path(arguments[1])
    text = recipe.read_text(encoding="utf-8").replace("max_length: 512\n", "num_generations: 2\n")
    recipe.write_text(text, encoding="utf-8")
    options = [*arguments, "--datasets", SOURCE.format(path=data, name="rl"), f"--{option}", *value.split()]
    assert words in refusal(options, capsys, grpo)


def test_a_run_is_not_resumed_by_another_recipe(
    arguments: list[str], data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = Path(arguments[1])
    text = recipe.read_text(encoding="utf-8").replace("max_length: 512\n", "num_generations: 2\n")
    recipe.write_text(text, encoding="utf-8")
    options = [*arguments, "--datasets", SOURCE.format(path=data, name="rl"), "--output_dir", str(tmp_path / "out")]
    with pytest.raises(AssertionError, match="weights"):
        grpo.main(options)
    (tmp_path / "out" / "checkpoint-1").mkdir()
    for key, value in (("beta", "0.5"), ("num_generations", "4"), ("max_pass_rate", "0.99"), ("temperature", "0.3")):
        assert key in refusal([*options, f"--{key}", value], capsys, grpo)


@given(st.integers(1, 2048), st.integers(1, 64), st.integers(1, 64))
def test_batch_is_kept_or_refused_with_what_divides(batch: int, per_device: int, world: int) -> None:
    try:
        assert accumulation_steps(batch, per_device, world) * per_device * world == batch
    except ConfigError as error:
        assert batch % (per_device * world)
        for number in map(int, str(error).rpartition("be " if "can be" in str(error) else ": ")[2].split(", ")):
            assert batch % number == 0 and (batch % world or (batch // world) % number == 0)
