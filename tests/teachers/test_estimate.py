"""What is known before anything is asked: the recipes that come along are valid, and the estimate asks nothing."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from build.bench.fake_endpoint import FakeEndpoint
from build.bench.prefix_cache import served_tokens
from build.bench.prefixes import BLOCK, shared_tokens
from build.core.config import read_data_recipe
from build.core.errors import ConfigError
from build.engine import run
from build.report import estimate
from codeio_dataset import main
from tests.build.conftest import write_recipe
from tests.teachers.canned import reply, write_run

RECIPES = sorted((Path(__file__).parents[2] / "recipes" / "data").glob("*.yaml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_is_valid(path: Path) -> None:
    assert read_data_recipe(path).name.startswith("codeio")


def test_a_dry_run_asks_nothing_and_tells_requests_tokens_and_cost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with FakeEndpoint(reply) as server:
        path = write_run(tmp_path, "run", [server.url])
        result = CliRunner().invoke(main, ["--config", str(path), "--dry-run"])
        assert not server.arrived
    assert result.exit_code == 0, result.output
    rows = {row.split("|")[1].strip(): row for row in result.output.splitlines() if row.startswith("| ")}
    assert {"type_filter", "unify", "answer", "revise: turn 2", "revise: turn 3", "all"} <= rows.keys()
    assert float(rows["all"].split("|")[5]) > 0


@pytest.mark.parametrize("limit", [500, 2])
def test_without_a_model_before_the_answers_the_questions_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    monkeypatch.setattr(estimate, "_LOOKED_AT", limit)
    with FakeEndpoint(reply) as server:
        teacher = {"name": "openai", "model": "m", "endpoints": [server.url], "samples": 2}
        path = write_recipe(tmp_path, teacher=teacher, revisions=1)
        told = estimate.estimate(read_data_recipe(path))
        assert not server.arrived
        assert (tmp_path / "run" / "unify").exists() == (limit == 500)  # of a part, nothing is kept
        store = run(read_data_recipe(path))
    rows = {row.split("|")[1].strip(): row.split("|") for row in told.split("\n") if row.startswith("| ")}
    questions = store.totals("questions").kept
    if limit == 500:
        assert f"{store.totals('sample').kept} functions, {questions} questions" in told
        assert int(rows["answer"][2]) == 2 * questions > 0
    else:
        assert "(projected from" in told and int(rows["answer"][2]) > 0


@pytest.mark.parametrize(
    ("model", "urls", "sentence"),
    [
        ("", ["http://localhost/v1"], "teacher.model"),
        ("m", [], "teacher.endpoints"),
        ("m", ["host:80"], "without user"),
    ],
)
def test_a_teacher_that_cannot_be_asked_is_named(tmp_path: Path, model: str, urls: list[str], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        read_data_recipe(write_run(tmp_path, "run", urls, model=model))


def test_shared_prefixes_are_counted_in_whole_blocks_behind_the_same_blocks() -> None:
    first = list(range(3 * BLOCK + 5))
    second = [*first[: 2 * BLOCK + 3], *[-1] * BLOCK]
    third = [*[-2] * BLOCK, *first[BLOCK:]]
    assert shared_tokens([first, second, third]) == 2 * BLOCK
    assert shared_tokens([first, first]) == 3 * BLOCK


def test_a_servers_own_count_of_cached_tokens_is_read() -> None:
    def metrics() -> str:
        asked = len(server.answered)
        labels = '{engine="0",model_name="m"}'
        return (
            "# HELP vllm:prefix_cache_hits_total Cached tokens.\n"
            f"vllm:prefix_cache_queries_total{labels} {100.0 * asked + 7}\n"
            f"vllm:prefix_cache_hits_total{labels} {30.0 * asked}\n"
            f"vllm:external_prefix_cache_hits_total{labels} 5.0\n"
        )

    with FakeEndpoint(reply, page=metrics) as server:
        assert served_tokens(["a", "b", "c"], server.url, "m") == (300, 90)
    with (
        FakeEndpoint(reply) as bare,
        pytest.raises(ValueError, match="/metrics has no vllm:prefix_cache_queries_total"),
    ):
        served_tokens(["a"], bare.url, "m")
