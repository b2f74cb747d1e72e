"""The environment packages, as far as they go without their frameworks: questions, verdicts, rewards, manifests."""

import asyncio
import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from build.bench.answers import TASKS, answers, own_questions
from build.bench.service import running
from build.core.records import VerdictClass
from build.core.version import VERSION
from build.report.card import FRAMEWORKS
from build.verify import verify
from recipes import judge as judge_module
from recipes.environments.nemo_gym.task_data import TaskData
from recipes.environments.nemo_gym.task_data import row as nemo_gym_row
from recipes.environments.questions import Question, questions, verdict, verdicts
from recipes.environments.trl import CodeIOEnvironment
from recipes.environments.verl import compute_score, row
from recipes.partial_credit import well_formed

FOLDER = Path(__file__).resolve().parents[2] / "recipes" / "environments"
SQUARE = "def main_solution(x):\n    return x * x\n"


def question(task: str = "input", **changed: Any) -> Question:
    about = {
        "id": "1",
        "prompt": [{"role": "user", "content": "?"}],
        "code": SQUARE,
        "input": '{"x": -3}',
        "output": "9",
    }
    return Question(**{**about, "task": task, **changed})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset folder with a config `rl` in the published layout."""
    made = []
    for number in range(20):
        one = question("input" if number % 2 else "output", id=str(number), pass_rate=number / 20)
        made.append({name: getattr(one, name) for name in Question.__dataclass_fields__} | {"function_id": "f"})
    path = tmp_path_factory.mktemp("dataset")
    (path / "rl").mkdir()
    pq.write_table(pa.Table.from_pylist(made), path / "rl" / "train-00000-of-00001-0123456789abcdef.parquet")
    return path


@pytest.fixture
def service() -> Iterator[str]:
    with running("--workers", "1", "--cpu-s", "5") as service:
        yield service.url


def test_questions_are_chosen_by_task_and_pass_rate(folder: Path) -> None:
    assert [one.id for one in questions(str(folder))] == [str(number) for number in range(20)]
    chosen = list(questions(str(folder), task="input", min_pass_rate=0.3, max_pass_rate=0.6))
    assert [one.id for one in chosen] == ["7", "9", "11"] and {one.task for one in chosen} == {"input"}
    assert len(list(questions(str(folder), limit=3))) == 3
    with pytest.raises(ValueError, match="no question that was asked for"):
        list(questions(str(folder), min_pass_rate=0.99))
    with pytest.raises(ValueError, match="rl/\\*test"):
        list(questions(str(folder), "test"))


def test_every_package_gives_the_verdicts_of_verify(service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Right, wrong, malformed and hostile answers through what the packages call, by the service and in this process."""
    checks = list(answers(own_questions(40), 100, tasks=TASKS))
    with judge_module.Sandbox() as sandbox:
        expected = verify(checks, sandbox)
    assert {one.status for one in expected} == set(get_args(VerdictClass)) - {"timeout"}
    asked = [question(each.task, code=each.program.code, input=each.input, output=each.output) for each in checks]
    wire = [one.answer(each.response) for one, each in zip(asked, checks)]
    assert [told["status"] for told in verdicts(wire)] == [one.status for one in expected]
    monkeypatch.setenv("VERIFIER_URL", service)
    assert [told["status"] for told in verdicts(wire)] == [one.status for one in expected]
    monkeypatch.delenv("VERIFIER_URL")

    async def scores() -> list[dict[str, Any]]:
        rows = [row(one, place, "train") for place, one in enumerate(asked)]
        return [
            await compute_score(
                one["data_source"], each.response, one["reward_model"]["ground_truth"], one["extra_info"]
            )
            for one, each in zip(rows, checks)
        ]

    assert [told["verdict"] for told in asyncio.run(scores())] == [one.status for one in expected]
    environment = CodeIOEnvironment()
    for one, each, right in zip(asked, checks, expected):
        environment.reset(
            id=one.id, prompt=one.prompt, code=one.code, task=one.task, input=one.input, output=one.output
        )
        assert environment.get_reward() == 0.0
        environment.submit(each.response)
        assert environment.get_reward() == float(right.correct)


@pytest.mark.parametrize("task", TASKS)
def test_the_gold_answer_passes(task: str) -> None:
    pairs = {"input": '[{"x": 3}, {"x": 4}]', "output": "[9, 16]"} if task == "induction" else {}
    one = question(task, **pairs)
    assert well_formed(one.gold, task) == 1.0
    assert asyncio.run(verdict(one, one.gold))["correct"]


def test_trl_gives_two_tries_and_the_feedback_of_execution() -> None:
    environment = CodeIOEnvironment()
    environment.reset(code=SQUARE, task="input", input='{"x": -3}', output="9", prompt=[], pass_rate=None)
    assert "16" in environment.submit('{"input": {"x": 4}}') and environment.get_reward() == 0.0
    assert "orrect" in environment.submit('{"input": {"x": 3}}') and environment.get_reward() == 1.0
    assert "No further" in environment.submit('{"input": {"x": 4}}') and environment.get_reward() == 1.0
    environment.reset(code=SQUARE, task="output", input='{"x": -3}', output="9")
    assert environment.get_reward() == 0.0
    environment.submit("8"), environment.submit("7")
    assert "No further" in environment.submit('{"output": 9}') and environment.get_reward() == 0.0


def test_trl_can_offer_the_tool_to_a_model() -> None:
    utils = pytest.importorskip("transformers.utils")
    described = utils.get_json_schema(CodeIOEnvironment().submit)["function"]
    assert described["name"] == "submit" and described["parameters"]["required"] == ["answer"]


@pytest.mark.parametrize(
    "truth", ["", "{}", "[1]", '{"code": 1}', json.dumps({"code": "", "task": "output", "input": "{}", "output": "{"})]
)
def test_verl_gets_a_score_whatever_the_row_holds(truth: str) -> None:
    told = asyncio.run(compute_score("codeio", '{"output": 1}', truth))
    assert told["score"] == 0.0 and set(told) == {"score", "verdict", "detail"}


def test_the_verifiers_package_carries_what_it_shares() -> None:
    """`prime env push` reads these fields, and a bare `verifiers` would list the package as of the old kind."""
    about = tomllib.loads((FOLDER / "verifiers" / "pyproject.toml").read_text("utf-8"))
    assert about["project"]["version"] == VERSION and "verifiers>=0.4.0" in about["project"]["dependencies"]
    carried = about["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert {Path(name).name for name in carried} == {"questions.py", "partial_credit.py", "client.py"}
    assert all((FOLDER / "verifiers" / name).resolve().is_file() for name in carried)


def test_there_is_a_package_for_each_framework_that_the_card_names() -> None:
    packages = {path.name for path in FOLDER.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert packages == {name.replace("-", "_") for name in FRAMEWORKS}


def test_the_manifest_of_openenv_is_whole() -> None:
    manifest = yaml.safe_load((FOLDER / "openenv" / "openenv.yaml").read_text("utf-8"))
    assert manifest["version"] == VERSION and manifest["app"] == "server.app:app"
    assert set(manifest["validation"]) == {"reward", "resources", "capabilities", "types"}
    copied = re.findall(r"^COPY (\S+)", (FOLDER / "openenv" / "server" / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    assert copied and all((FOLDER.parents[1] / name).exists() for name in copied)


def test_the_rows_of_nemo_gym_are_questions_that_the_gold_answer_solves() -> None:
    lines = (FOLDER / "nemo_gym" / "data" / "example.jsonl").read_text("utf-8").strip().split("\n")
    assert len(lines) == 5  # what its validation asks for
    for line in lines:
        read = json.loads(line)
        about = {name: read[name] for name in TaskData.model_fields}
        one = Question(prompt=read["responses_create_params"]["input"], **about)
        assert nemo_gym_row(one) == read
        assert asyncio.run(verdict(one, one.gold))["correct"]
    config = yaml.safe_load((FOLDER / "nemo_gym" / "configs" / "codeio.yaml").read_text("utf-8"))
    server = config["codeio"]["resources_servers"]["codeio"]
    assert (FOLDER / "nemo_gym" / server["entrypoint"]).is_file() and {"domain", "verified"} <= set(server)
    (data,) = config["codeio_simple_agent"]["responses_api_agents"]["simple_agent"]["datasets"]
    assert (FOLDER / "nemo_gym" / "data" / Path(data["jsonl_fpath"]).name).is_file()
