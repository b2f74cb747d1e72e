"""Every row is checked while it is tokenised once; what is prepared is found again, and only for the same data."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("trl")

from transformers import AutoTokenizer

from build.core.errors import ConfigError
from recipes import sft
from recipes.__main__ import main
from recipes.config import SFTTrainingConfig, Source, read_training_config
from recipes.corpus import held_out_names
from recipes.launch import load_tokenizer
from recipes.prepare import Prepared, data_digest, prepare
from recipes.supervision import IGNORED, published_template
from tests.recipes.dry_run import RECIPES
from tests.recipes.tiny import tiny_model

GOOD = [
    {"messages": [{"role": "user", "content": f"Add {n} and 1."}, {"role": "assistant", "content": f"It is {n + 1}."}]}
    for n in range(12)
]


def turn(role: str, content: str | None) -> dict[str, str | None]:
    return {"role": role, "content": content}


ODD = {
    "no assistant turn": [turn("user", "q")],
    "a turn without text": [turn("user", "q"), turn("assistant", None)],
    "no turns": [],
    "a role other than": [turn("user", "q"), turn("model", "x")],
    "an assistant turn without text": [turn("user", "q"), turn("assistant", " \n")],
}


@pytest.fixture
def made(arguments: list[str], tmp_path: Path) -> Callable[..., Prepared]:
    """Prepare rows given as dictionaries; keys of the recipe may follow."""

    def make(rows: list[dict[str, Any]], *extra: str) -> Prepared:
        folder = tmp_path / f"rows-{len(list(tmp_path.glob('rows-*')))}"
        folder.mkdir()
        (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        given = [*arguments, *extra, "--datasets", json.dumps({"path": str(folder)})]
        config = read_training_config(SFTTrainingConfig, given)
        return prepare(config, load_tokenizer(config.model, config.trainer), said.append)

    said: list[str] = []
    make.said = said  # type: ignore[attr-defined]
    return make


@pytest.mark.parametrize("reason", ODD)
@pytest.mark.parametrize("place", [0, 7, 12])
def test_odd_row_is_dropped_counted_and_named(made: Any, reason: str, place: int) -> None:
    rows: list[dict[str, Any]] = [*GOOD[:place], {"messages": ODD[reason]}, *GOOD[place:]]
    found = made(rows)
    assert found.counted.samples == len(found.train) == 12
    assert [key.startswith(reason) for key in found.counted.dropped] == [True]
    assert any(reason in line and f"first row {place + 1}" in line for line in made.said)


def test_source_with_more_odd_rows_than_usable_ones_is_refused(made: Any) -> None:
    with pytest.raises(ConfigError, match=r"datasets: 12 of the 14 rows .* row 3: a role other than .*'gpt'"):
        made([*GOOD[:2], *[{"messages": [turn("user", "q"), turn("gpt", "x")]}] * 12])


TEMPLATES = {
    "chatml": ("qwen2", "<|im_end|>"),
    "llama3": ("llama", "<|eot_id|>"),
    "deepseek": ("deepseek_v2", "<｜end▁of▁sentence｜>"),
    "gemma2": ("gemma2", "<end_of_turn>"),
    "plain": ("llama", "<|end_of_text|>"),
}


@pytest.mark.parametrize("template", TEMPLATES)
def test_several_turns_are_right_under_every_template(made: Any, template: str, tmp_path: Path) -> None:
    """Labels are the responses and their ends, whatever blanks a template puts around them."""
    architecture, eos = TEMPLATES[template]
    folder = tiny_model(architecture, tmp_path / architecture)
    turns = [turn("user", "Name a colour."), turn("assistant", "Teal."), turn("user", "Another?")]
    turns += [turn("assistant", "  Ochre,\nor so. "), turn("user", "A third?"), turn("assistant", "Puce.")]
    path = f"recipes/templates/{template}.jinja"
    model = ["--model_name_or_path", str(folder), "--chat_template_path", path, "--eos_token", eos]
    found = made([{"messages": turns}], *model)
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    trained = tokenizer.decode([label for label in found.train[0]["labels"] if label != IGNORED])
    assert "".join(trained.split()) == "".join(f"Teal.{eos}Ochre,orso.{eos}Puce.{eos}".split())


@given(st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=30), min_size=1, max_size=3))
@settings(max_examples=40, deadline=None)
def test_tokens_and_labels_are_those_of_transformers(texts: list[str]) -> None:
    """The one tokenisation gives what apply_chat_template gives, for any text."""
    from recipes.supervision import _encode_batch

    tokenizer = _tokenizer()
    turns = [message for text in texts for message in (turn("user", text), turn("assistant", f"a{text}"))]
    columns = {"messages": [turns]}
    found = _encode_batch(columns, tokenizer, tokenizer.chat_template, 10_000, ["messages"])
    wanted = tokenizer.apply_chat_template(turns, return_dict=True, return_assistant_tokens_mask=True)
    assert found["dropped"] == [""]
    assert found["input_ids"] == [wanted["input_ids"]]
    labels = [i if m else IGNORED for i, m in zip(wanted["input_ids"], wanted["assistant_masks"])]
    assert found["labels"] == [labels]


_made: list[Any] = []


def _tokenizer() -> Any:
    if not _made:
        import tempfile

        with tempfile.TemporaryDirectory() as folder:
            tokenizer: Any = AutoTokenizer.from_pretrained(tiny_model("qwen2", Path(folder)))
        tokenizer.eos_token = "<|im_end|>"
        tokenizer.chat_template = (RECIPES / "templates" / "chatml.jinja").read_text(encoding="utf-8")
        _made.append(tokenizer)
    return _made[0]


@pytest.mark.parametrize("template", TEMPLATES)
def test_published_template_renders_the_same_without_transformers(template: str) -> None:
    """Plain Jinja, as other servers have it, reads the published template; the text is the same to the byte."""
    import jinja2
    from transformers.utils.chat_template_utils import render_jinja_template

    text = (RECIPES / "templates" / f"{template}.jinja").read_text(encoding="utf-8")
    turns = [turn("system", "Be brief."), turn("user", "hi"), turn("assistant", " there\n"), turn("user", "again")]
    tokens: dict[str, Any] = {"bos_token": "<B>", "eos_token": "<E>"}
    for prompt in (True, False):
        rendered: Any = render_jinja_template([turns], chat_template=text, add_generation_prompt=prompt, **tokens)
        plain = jinja2.Environment(trim_blocks=True, lstrip_blocks=True).from_string(published_template(text))
        assert plain.render(messages=turns, add_generation_prompt=prompt, **tokens) == rendered[0][0]


@pytest.mark.parametrize("tag", ["{% {} %}", "{%- {} -%}", "{%+ {} -%}", "{%-{}%}", "{%  {}  -%}"])
def test_every_spelling_of_the_tags_is_removed(tag: str) -> None:
    text = "a " + tag.replace("{}", "generation") + " b " + tag.replace("{}", "endgeneration") + "\n c"
    assert "generation" not in published_template(text)


def test_prepared_data_is_found_again_and_a_changed_row_is_not(made: Any, arguments: list[str], tmp_path: Path) -> None:
    first = made(GOOD)
    assert made(GOOD).folder == first.folder  # another folder with the same rows
    assert "found" in made.said[-1] and str(first.folder) in made.said[-1]
    changed = [*GOOD[:-1], {"messages": [turn("user", "q"), turn("assistant", "b")]}]
    assert made(changed).folder != first.folder
    for key, value in (("max_length", "100"), ("packing", "true"), ("seed", "3")):
        assert made(GOOD, f"--{key}", value).folder != first.folder
    for key, value in (("learning_rate", "0.5"), ("per_device_train_batch_size", "1"), ("dataset_num_proc", "2")):
        assert made(GOOD, f"--{key}", value).folder == first.folder


def test_data_prepared_with_the_base_is_found_from_the_trained_model(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Stage 2's data can be prepared while stage 1 trains; a base may have no token for padding, its successor has one."""
    base = tiny_model("qwen2", tmp_path / "base")
    tokenizer: Any = AutoTokenizer.from_pretrained(base)
    tokenizer.pad_token = None
    tokenizer.save_pretrained(base)
    first = [*arguments, "--model_name_or_path", str(base), "--max_steps", "1", "--save_strategy", "no"]
    sft.train(first)
    assert AutoTokenizer.from_pretrained(tmp_path / "run").pad_token is not None
    capsys.readouterr()
    sft.train([*first, "--model_name_or_path", str(tmp_path / "run"), "--output_dir", str(tmp_path / "second")])
    assert "(found)" in capsys.readouterr().out


def test_half_made_folder_is_made_again(made: Any) -> None:
    first = made(GOOD)
    (first.folder / "manifest.json").unlink()
    assert len(made(GOOD).train) == 12


def test_prepare_command_makes_what_the_launch_takes(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    done = CliRunner().invoke(main, ["prepare", arguments[1]])
    assert done.exit_code == 0, done.output
    assert "63 samples" in done.output and "1 over max_length" in done.output and "rows/s" in done.output
    sft.train([*arguments, "--max_steps", "1", "--save_strategy", "no"])
    assert "(found)" in capsys.readouterr().out


@pytest.mark.parametrize(("asked", "taken"), [(0, 0), (3, 3), (4, 4), (1000, 4)])
def test_held_out_rows_are_not_trained_on(made: Any, asked: int, taken: int) -> None:
    """A tenth of the rows at most, so that small data trains too."""
    rows = [{"messages": [turn("user", f"q {n}"), turn("assistant", f"a {n}")]} for n in range(40)]
    found = made(rows, "--held_out_rows", str(asked), "--eval_strategy", "steps", "--eval_steps", "1")
    trained = set(map(tuple, found.train["input_ids"]))
    kept = {ids for part in found.held_out.values() for ids in map(tuple, part["input_ids"])}
    assert (len(trained), len(kept)) == (40 - taken, taken) and not trained & kept


def test_data_too_small_for_a_held_out_set_still_trains(made: Any, arguments: list[str], tmp_path: Path) -> None:
    folder = made(GOOD[:1]).folder
    assert (folder / "manifest.json").is_file()
    source = json.dumps({"path": str(tmp_path / "rows-0")})
    steps = ["--held_out_rows", "512", "--eval_strategy", "steps", "--eval_steps", "1", "--max_steps", "1"]
    sft.train([*arguments, *steps, "--save_strategy", "no", "--datasets", source])


names = st.sampled_from(["a", "b", "a_2", "test"])


@given(st.lists(st.tuples(names, st.none() | names), min_size=1, max_size=6))
def test_held_out_sets_have_names_of_their_own(pairs: list[tuple[str, str | None]]) -> None:
    found = held_out_names([Source(f"folder/{path}", name) for path, name in pairs])
    assert len(found) == len(set(found)) == len(pairs)


def test_two_test_splits_are_two_losses(arguments: list[str], tmp_path: Path) -> None:
    sources = []
    for name, count in (("m", 8), ("s", 5)):
        (tmp_path / name).mkdir()
        for split in ("train", "test"):
            rows = "".join(json.dumps(row) + "\n" for row in GOOD[:count])
            (tmp_path / name / f"{split}.jsonl").write_text(rows, encoding="utf-8")
        sources.append(json.dumps({"path": str(tmp_path / name), "test_split": "test"}))
    steps = ["--eval_strategy", "steps", "--eval_steps", "1", "--max_steps", "1", "--save_strategy", "no"]
    trainer: Any = sft.train([*arguments, *steps, "--datasets", *sources])
    keys = {key for entry in trainer.state.log_history for key in entry if key.startswith("eval_")}
    assert {"eval_m_loss", "eval_s_loss"} <= keys
    assert {name: len(rows) for name, rows in trainer.eval_dataset.items()} == {"m": 8, "s": 5}


def test_the_training_digest_does_not_depend_on_evaluation(arguments: list[str], data: Path) -> None:
    source = {"path": str(data), "name": "codeio"}
    digests = set()
    for extra in ([{**source}], [{**source, "test_split": "test"}]):
        given = [*arguments, "--eval_strategy", "steps", "--eval_steps", "1", "--datasets", json.dumps(extra[0])]
        config = read_training_config(SFTTrainingConfig, given)
        digests.add(data_digest(config, load_tokenizer(config.model, config.trainer), training_only=True))
    assert len(digests) == 1


WAITS = """
import sys, threading, time
from pathlib import Path
from recipes.prepare import waiting_turn
with waiting_turn(Path(sys.argv[1])):
    print("in", flush=True)
    sys.stdin.read()
"""


def test_a_killed_process_leaves_no_lock_behind(tmp_path: Path) -> None:
    from recipes.prepare import waiting_turn

    held = subprocess.Popen(
        [sys.executable, "-c", WAITS, str(tmp_path / "lock")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert held.stdout is not None and held.stdout.readline() == "in\n"
    held.kill()
    held.wait()
    with waiting_turn(tmp_path / "lock"):
        pass
