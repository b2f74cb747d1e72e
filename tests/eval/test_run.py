"""All 14 tasks and the held-out test through lm-eval with canned models: run, stop, go on, score, compare, report."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from html import unescape
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

import pytest

pytest.importorskip("lm_eval", reason="pip install -r requirements/eval.txt")

import datasets
from click.testing import CliRunner
from lm_eval.api.model import LM

from build.core.records import Task
from eval.benchmarks import BENCHMARKS, BY_NAME, COLUMNS
from eval.cli import main
from eval.rows import Where, load
from eval.run import build_model, generate
from eval.run_folder import BadRun, Run
from eval.score import score_run
from eval.scorers import Score
from recipes.environments.questions import Question
from tests.eval.test_scorers import ROWS, right_answer

NAMES = [benchmark.name for benchmark in BENCHMARKS]


class Canned(LM):
    """Answers right, except for the benchmarks in `wrong`; dies after `patience` requests."""

    def __init__(self, wrong: tuple[str, ...] = (), patience: int = 10**9) -> None:
        super().__init__()
        self.wrong, self.patience = wrong, patience
        self.asked: list[str] = []

    def generate_until(self, requests: list[Any], disable_tqdm: bool = False) -> list[str]:
        texts = []
        for request in requests:
            if len(self.asked) == self.patience:
                raise KeyboardInterrupt
            doc = request.doc
            assert json.loads(request.args[0])[-1] == {"role": "user", "content": doc["prompt"]}
            assert request.args[1]["until"] == [] and request.args[1]["max_gen_toks"] == 99
            self.asked.append(doc["id"])
            if doc["benchmark"] in self.wrong:
                texts.append("I do not know.")
            elif doc["benchmark"] == "codeio":
                row = json.loads(doc["row"])
                asked = {name: row[name] for name in ("prompt", "task", "code", "input", "output")}
                texts.append(Question(id="", **asked).gold)
            else:
                texts.append(right_answer(doc["benchmark"], json.loads(doc["row"])))
            self.cache_hook.add_partial("generate_until", request.args, texts[-1])
        return texts

    def apply_chat_template(self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True) -> str:
        return json.dumps(chat_history)

    def chat_template(self, chat_template: bool | str = False) -> str:
        return "canned"

    @property
    def tokenizer_name(self) -> str:
        return "canned"

    def loglikelihood(self, requests: Any) -> Any:
        raise AssertionError("not asked for")

    def loglikelihood_rolling(self, requests: Any) -> Any:
        raise AssertionError("not asked for")


@pytest.fixture(scope="module")
def held_out(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A published data set of a question a task, as `load_dataset(folder, "rl", split="test")` finds it."""
    folder = tmp_path_factory.mktemp("all_tasks")
    code = "def main_solution(x):\n    return x * x\n"
    common: dict[str, Any] = {"function_id": "square", "code": code, "input": '{"x": -3}', "output": "9"}
    rows = [
        common | {"id": task, "task": task, "prompt": [{"role": "user", "content": f"Which {task}?"}]}
        for task in ("input", "output", "step", "induction")
    ]
    rows[-1] |= {"input": '[{"x": 2}, {"x": 3}]', "output": "[4, 9]"}
    datasets.Dataset.from_list(rows).to_parquet(folder / "test.parquet")
    card = "---\nconfigs:\n- config_name: rl\n  data_files:\n  - split: test\n    path: test.parquet\n---\n"
    (folder / "README.md").write_text(card)
    return str(folder)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, held_out: str) -> Iterator[tuple[Run, Run, list[str]]]:
    """Two scored runs, all right after a kill at the eleventh request, and four columns wrong; and what was asked later."""
    folder = tmp_path_factory.mktemp("runs")
    first, second = Run(folder / "first"), Run(folder / "second")
    where = Where(ROWS.data, held_out)
    names = [*NAMES, "codeio"]
    going_on = Canned()
    with pytest.raises(KeyboardInterrupt):
        generate(first, Canned(patience=10), names, where, {"model": "canned"}, None, 99)
    assert sum(len(first.responses(name)) for name in first.benchmarks()) == 10
    with (first.path / "responses" / f"{first.benchmarks()[0]}.jsonl").open("a") as file:
        file.write('{"id": "half a li')
    generate(first, going_on, names, where, {"model": "canned"}, None, 99)
    score_run(first)
    generate(second, Canned(("gsm8k", "drop", "livebench", "codeio")), names, where, {"model": "canned"}, None, 99)
    score_run(second)
    yield first, second, going_on.asked


def test_every_column_ends_in_a_figure(runs: tuple[Run, Run, list[str]]) -> None:
    summary = runs[0].summary()
    assert [column.column for column in summary.columns] == [*COLUMNS, "CodeI/O test"]
    assert {column.value for column in summary.columns} == {100.0}
    assert (summary.average, summary.unavailable) == (100.0, {})
    assert summary.columns[-1].other == dict.fromkeys(get_args(Task), 100.0)


def test_after_a_kill_only_the_missing_responses_are_asked_for(runs: tuple[Run, Run, list[str]]) -> None:
    first, second, asked = runs
    ids = [identity for name in first.benchmarks() for identity in first.responses(name)]
    assert len(asked) == len(set(asked)) == len(ids) - 10
    assert sorted(ids) == sorted(identity for name in second.benchmarks() for identity in second.responses(name))


def test_a_wrong_column_is_zero_and_counted_as_unanswered(runs: tuple[Run, Run, list[str]]) -> None:
    columns = {column.name: column for column in runs[1].summary().columns}
    assert {name for name, column in columns.items() if column.value < 100} == {"gsm8k", "drop", "livebench", "codeio"}
    assert columns["gsm8k"].no_answer == 100.0


def test_the_manifest_names_model_template_seed_and_versions(runs: tuple[Run, Run, list[str]]) -> None:
    manifest = runs[0].manifest()
    assert {"model", "template_sha", "seed", "max_new_tokens", "versions", "scorers", "data"} <= manifest.keys()
    assert manifest["versions"]["lm-eval"] == "0.4.13"


def test_a_folder_holds_one_run(runs: tuple[Run, Run, list[str]]) -> None:
    with pytest.raises(BadRun, match="holds another run; these differ: model"):
        generate(runs[0], Canned(), ["gsm8k"], ROWS, {"model": "other"}, None, 99)


def test_score_again_gives_the_same_bytes_without_a_model(runs: tuple[Run, Run, list[str]]) -> None:
    path = runs[0].path
    before = {file: file.read_bytes() for file in [*path.glob("scores/*"), path / "summary.json"]}
    result = CliRunner().invoke(main, ["score", str(path)])
    assert result.exit_code == 0, result.output
    assert "AVG of the 14 columns: 100.0" in result.output
    assert {file: file.read_bytes() for file in before} == before


def test_score_refuses_responses_to_other_prompts(runs: tuple[Run, Run, list[str]], tmp_path: Path) -> None:
    copy = Run(tmp_path / "copy")
    copy.write_manifest(runs[0].manifest())
    response = next(iter(runs[0].responses("gsm8k").values()))
    changed = {"id": response.id, "prompt_sha": "other", "text": response.text, "truncated": False}
    (tmp_path / "copy" / "responses").mkdir()
    (tmp_path / "copy" / "responses" / "gsm8k.jsonl").write_text(json.dumps(changed) + "\n")
    result = CliRunner().invoke(main, ["score", str(copy.path)])
    assert (result.exit_code, "has changed since its response" in result.output) == (1, True)


def test_compare_prints_and_writes_the_tables(runs: tuple[Run, Run, list[str]], tmp_path: Path) -> None:
    output, (first, second, _) = tmp_path / "comparison.md", runs
    paths = [str(run.path) for run in (second, first, second)]
    result = CliRunner().invoke(main, ["compare", *paths, "--output", str(output)])
    assert result.exit_code == 0, result.output
    assert output.read_text().count("| GSM8K ") == 4  # two tables for each of the two
    assert "+100.0" in result.output
    # 3 of 14 columns differ by 100 points; the held-out test is no column of the paper.
    assert f"{300 / 14:+.1f}" in result.output
    assert max(len(line) for line in result.output.split("\n") if not line.startswith(("A:", "B:", "-"))) <= 100


def test_report_labels_measured_and_quoted(runs: tuple[Run, Run, list[str]], tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["report", str(runs[0].path), str(runs[1].path), "--output", str(tmp_path)])
    assert result.exit_code == 0, result.output
    markdown, page = (tmp_path / "report.md").read_text(), (tmp_path / "report.html").read_text()
    for row in [line for line in markdown.split("\n") if line.startswith(("| CodeI/O", "| first", "| 2nd Stage"))][:4]:
        assert ("measured" in row) != ("quoted from the paper" in row)
    assert "| CodeI/O++" in markdown and "n = 2 of" in markdown and "± 0.0" not in markdown + page
    assert page.count("<img") == len(list((tmp_path / "plots").glob("*.png"))) == 16
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in (tmp_path / "plots").glob("*.png"))
    assert "I do not know." in page and 'src="http' not in page


def test_the_report_begins_with_the_verdict(runs: tuple[Run, Run, list[str]], tmp_path: Path) -> None:
    first, second, _ = runs
    for names, told in {
        (first,): "first scores 100.0 on average over the paper's 14 benchmarks (95 % interval 8",
        (
            first,
            second,
        ): "No difference between second and first stands out of the noise of the items: -21.4 points",
        (second, second): "rename one",
    }.items():
        result = CliRunner().invoke(main, ["report", *(str(run.path) for run in names), "--output", str(tmp_path)])
        if result.exit_code == 0:
            assert told in (tmp_path / "report.md").read_text().split("\n")[2]
            assert told in unescape((tmp_path / "report.html").read_text()).partition("<table")[0]
        else:
            assert told in result.output


def test_one_missing_benchmark_does_not_stop_the_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = Run(tmp_path / "run")
    generate(run, Canned(), ["codeio", "gsm8k"], ROWS, {"model": "canned"}, 1, 99)
    summary = score_run(run)
    assert [(column.name, column.n, column.items) for column in summary.columns] == [
        ("gsm8k", 1, BY_NAME["gsm8k"].items)
    ]
    assert list(summary.unavailable) == ["codeio"]
    assert "give --held-out" in summary.unavailable["codeio"]


@contextmanager
def endpoint(reply: Callable[[dict[str, Any]], tuple[int, str] | tuple[int, str, str]]) -> Iterator[str]:
    """The URL of a server that answers each body with a status, a finish reason and a text."""

    class Stub(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            status, reason, *texts = reply(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            text = texts[0] if texts else "Answer: 60"
            answer = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": reason}
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps({"choices": [answer]}).encode())

        def log_message(self, *args: Any) -> None:
            """Keep the test's output clean."""

    server = HTTPServer(("127.0.0.1", 0), Stub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/chat/completions"
    finally:
        server.shutdown()
        server.server_close()


def test_an_openai_compatible_endpoint_is_asked_greedily_and_says_what_was_cut(tmp_path: Path) -> None:
    bodies: list[dict[str, Any]] = []

    def reply(body: dict[str, Any]) -> tuple[int, str]:
        bodies.append(body)
        return 200, "length" if len(bodies) == 1 else "stop"

    run = Run(tmp_path / "run")
    with endpoint(reply) as url:
        model = build_model("local-chat-completions", f"model=stub,base_url={url}", "1")
        generate(run, model, ["gsm8k"], ROWS, {"model": "stub"}, None, 99)
    assert [(body["temperature"], body["max_tokens"], body["messages"][0]["role"]) for body in bodies] == [
        (0, 99, "user")
    ] * 2
    assert sorted(response.truncated for response in run.responses("gsm8k").values()) == [False, True]
    (column,) = score_run(run).columns
    assert (column.value, column.truncated) == (50.0, 50.0)


@pytest.mark.parametrize("concurrent", [1, 2])
@pytest.mark.parametrize("knows", [True, False])
def test_penalties_are_sent_at_their_neutral_values(tmp_path: Path, knows: bool, concurrent: int) -> None:
    """vLLM applies a checkpoint's repetition penalty where a request names none; OpenAI refuses a request that names it."""
    bodies: list[dict[str, Any]] = []

    def reply(body: dict[str, Any]) -> tuple[int, str]:
        bodies.append(body)
        return (200 if knows or "repetition_penalty" not in body else 400), "stop"

    run = Run(tmp_path / "run")
    with endpoint(reply) as url:
        model = build_model("local-chat-completions", f"model=stub,base_url={url},num_concurrent={concurrent}", "1")
        generate(run, model, ["gsm8k"], ROWS, {"model": "stub"}, None, 99)
    assert {(body["presence_penalty"], body["frequency_penalty"], body["top_p"]) for body in bodies} == {
        (0.0, 0.0, 1.0)
    }
    assert {response.text for response in run.responses("gsm8k").values()} == {"Answer: 60"}
    assert bodies[-1].get("repetition_penalty") == (1.0 if knows else None)
    assert run.manifest().get("not_taken_by_the_endpoint") == (None if knows else ["repetition_penalty"])


def test_a_checkpoints_penalty_is_not_applied_and_named(tmp_path: Path) -> None:
    from transformers import GenerationConfig

    model = Canned()
    model.model = SimpleNamespace(generation_config=GenerationConfig(repetition_penalty=1.1, eos_token_id=7, top_k=20))
    run = Run(tmp_path / "run")
    generate(run, model, ["gsm8k"], ROWS, {"model": "canned"}, None, 99)
    config = model.model.generation_config
    assert config.eos_token_id == 7 and config.repetition_penalty in (None, 1.0) and not config.do_sample
    assert run.manifest()["generation_config_not_applied"] == {"repetition_penalty": 1.1, "top_k": 20}
    assert run.manifest()["decoding"]["repetition_penalty"] == 1.0


@pytest.mark.parametrize("concurrent", [1, 2])
def test_a_request_that_the_endpoint_refuses_costs_itself(tmp_path: Path, concurrent: int) -> None:
    first = load("gsm8k", ROWS)[0].row["question"]
    run = Run(tmp_path / "run")
    with endpoint(lambda body: (400 if first in body["messages"][0]["content"] else 200, "stop")) as url:
        arguments = f"model=stub,base_url={url},num_concurrent={concurrent},max_retries=2"
        model = build_model("local-chat-completions", arguments, "1")
        generate(run, model, ["gsm8k"], ROWS, {"model": "stub"}, None, 99)
    found = sorted((response.text, response.prompt_cut) for response in run.responses("gsm8k").values())
    assert found == [("", True), ("Answer: 60", False)]


def test_an_endpoint_that_fails_is_one_sentence(tmp_path: Path) -> None:
    with endpoint(lambda body: (500, "stop")) as url:
        arguments = f"model=stub,base_url={url},num_concurrent=2,max_retries=1"
        model = build_model("local-chat-completions", arguments, "1")
        with pytest.raises(BadRun, match=r"does not answer .*500"):
            generate(Run(tmp_path / "run"), model, ["gsm8k"], ROWS, {"model": "stub"}, None, 99)


def test_a_scorer_that_breaks_costs_its_column_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(tmp_path / "run")
    generate(run, Canned(), ["gsm8k", "winogrande"], ROWS, {"model": "canned"}, None, 99)
    broken = replace(BY_NAME["winogrande"], score=lambda row, response: row["no such key"])
    monkeypatch.setitem(BY_NAME, "winogrande", broken)
    summary = score_run(run)
    assert [column.name for column in summary.columns] == ["gsm8k"]
    assert "cannot be scored" in summary.unavailable["winogrande"]


def test_an_item_on_which_the_scorer_breaks_costs_itself_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(tmp_path / "run")
    generate(run, Canned(), ["winogrande"], ROWS, {"model": "canned"}, None, 99)
    bad = load("winogrande", ROWS)[0].row

    def score(row: dict[str, Any], response: str) -> Score:
        if row == bad:
            raise MemoryError("an odd response")
        return BY_NAME["winogrande"].score(row, response)

    broken = replace(BY_NAME["winogrande"], score=score)
    monkeypatch.setattr("eval.score.judge", lambda benchmark, row, response, sandbox: broken.score(row, response))
    (column,) = score_run(run).columns
    assert (column.value, column.other["scorer errors"]) == (50.0, 50.0)


def test_the_figures_of_leetcode_o_stand_beside_its_column(runs: tuple[Run, Run, list[str]]) -> None:
    (column,) = (column for column in runs[0].summary().columns if column.name == "leetcode_o")
    assert column.other["Lang_EN_Question_Acc"] == column.other["Difficulty_Easy_Example_Acc"] == 100.0
    assert column.other["No_Answer"] == 0.0


def test_columns_on_the_same_items_are_not_independent(runs: tuple[Run, Run, list[str]]) -> None:
    """CRUXEval-I and -O ask about the same functions: their covariance, and that of BBH-EN and -ZH, is part of AVG's error."""
    for one, other in (("cruxeval_i", "cruxeval_o"), ("bbh_zh", "bbh_en")):
        ids = [{item.row_sha for item in runs[0].scores(name)} for name in (one, other)]
        assert ids[0] and "" not in ids[0] | ids[1] and ids[0] <= ids[1]


def test_a_model_that_does_not_load_is_one_sentence(tmp_path: Path) -> None:
    arguments = [
        "run",
        str(tmp_path / "run"),
        "--model-args",
        f"pretrained={tmp_path}/nothing",
        "--data",
        str(ROWS.data),
    ]
    result = CliRunner().invoke(main, arguments)
    assert (result.exit_code, "cannot be loaded" in result.output, "Traceback" in result.output) == (1, True, False)


def test_there_is_a_task_file_for_every_benchmark() -> None:
    folder = Path(__file__).parents[2] / "eval" / "tasks"
    assert {path.stem for path in folder.glob("*.yaml")} == {*BY_NAME, "codeio_14"}
    group = (folder / "codeio_14.yaml").read_text()
    assert all(f"  - codeio_{name}\n" in group for name in NAMES)
