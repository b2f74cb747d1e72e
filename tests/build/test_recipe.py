"""Recipes: every one parses, and a wrong one is one sentence that names the file and the key."""

from pathlib import Path

import pytest
import yaml

from build.core.config import read_data_recipe
from build.core.errors import ConfigError

RECIPES = sorted((Path(__file__).parents[2] / "recipes" / "data").glob("*.yaml"))
GOOD = {"name": "x", "run": "runs/x", "sources": [{"kind": "folder", "name": "src"}]}


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_parses(path: Path) -> None:
    assert read_data_recipe(path).sources


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"sample": {}}, "`sample`"),
        ({"sampling": {"drawz": 3}}, "`sampling.drawz`"),
        ({"sampling": {"draws": 0}}, "`sampling.draws`"),
        ({"sampling": {"draws": "many"}}, "`sampling.draws`"),
        ({"sources": []}, "`sources`"),
        ({"sources": [{"kind": "flder", "name": "x"}]}, "`sources.0.kind`"),
        ({"name": "a b"}, "`name`"),
        ({"run": None}, "`run`"),
        ({"test_fraction": 1}, "`test_fraction`"),
        ({"sources": [{"kind": "folder", "nam": "x"}]}, "unknown key `sources.0.nam`"),
        ({"sources": []}, "`sources`: needs at least one entry"),
        ({"engine": None}, "`engine`: must be a section with keys"),
    ],
)
def test_a_wrong_key_is_named(tmp_path: Path, changes: dict[str, object], told: str) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(yaml.safe_dump(GOOD | changes))
    with pytest.raises(ConfigError) as error:
        read_data_recipe(path)
    assert str(path) in str(error.value) and told in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["- a list", "a: [1", "", "\x00"])
def test_what_is_no_recipe_is_said_so(tmp_path: Path, text: str) -> None:
    (tmp_path / "r.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"r\.yaml"):
        read_data_recipe(tmp_path / "r.yaml")


def test_where_and_how_fast_a_run_goes_does_not_change_its_digest(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    digests = []
    for changes in ({}, {"run": "elsewhere"}, {"engine": {"workers": 7}}, {"seed": 1}):
        path.write_text(yaml.safe_dump(GOOD | changes))
        digests.append(read_data_recipe(path).digest())
    assert digests[0] == digests[1] == digests[2] != digests[3]


def test_keys_of_earlier_versions_still_work_and_are_named_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "r.yaml"
    old = {"sources": [{"kind": "folder", "name": "src", "licence": "MIT"}], "instances": {"pairs_per_function": 2}}
    old |= {"journal": "answers", "teacher": {"name": "hf", "model": "m"}, "filters": {"completion_low": 0.2}}
    path.write_text(yaml.safe_dump(GOOD | old))
    recipe = read_data_recipe(path)
    assert read_data_recipe(path) == recipe
    assert (recipe.sources[0].license, recipe.questions.pairs_per_function) == ("MIT", 2)
    assert (recipe.response_cache, recipe.teacher.name) == (Path("answers"), "transformers")
    assert recipe.filters.difficulty_low == 0.2
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 5 and all(str(path) in line and "is now called" in line for line in told)


def test_an_old_and_a_new_name_of_one_key_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(yaml.safe_dump(GOOD | {"instances": {}, "questions": {}}))
    with pytest.raises(ConfigError, match="give only the new one"):
        read_data_recipe(path)


@pytest.mark.parametrize(
    ("changes", "hint"),
    [({"sampeling": {}}, "did you mean `sampling`"), ({"teacher": {"modle": "x"}}, "did you mean `model`")],
)
def test_an_unknown_key_gets_a_hint(tmp_path: Path, changes: dict[str, object], hint: str) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(yaml.safe_dump(GOOD | changes))
    with pytest.raises(ConfigError) as error:
        read_data_recipe(path)
    assert hint in str(error.value)
