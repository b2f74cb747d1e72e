"""The page: everything that the data names is there, in chunks that fit together, and nothing of it needs a network."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from build.core.errors import ConfigError, RunError
from build.core.store import Counts, Store
from build.report.gallery import gallery
from build.report.view.folder import PAGE, write_view
from build.report.view.from_dataset import from_dataset
from build.report.view.items import Dropped, File, Function, Item, Pair, Part, Row, Shown, Turn, parts_of

CODE = 'def double_it(n):\n    return 2 * n  # "</script>" \u2028 \ud800\n\n\ndef main_solution(n):\n    return double_it(n)\n'


def items(functions: int = 3, padding: int = 0) -> list[Item]:
    found: list[Item] = [File("f0", "src", "a.py", "MIT", CODE)]
    for number in range(functions):
        pair = Pair(f"p{number}", '{"n": 2}', "4")
        code = CODE + "#" * padding
        name = f"double_it_{number}"
        found.append(Function(f"a{number}", "f0", "src", "a.py", "MIT", name, code, "Twice?", "n", None, (pair,)))
        for task in ("output", "input"):
            wrong = task == "input" and number == 0
            turns = [Turn(f"t{number}{task}", (Part("So 4.", (2,), (7,)), Part("\n\n4")), "correct", "Correct.")]
            if wrong:
                turns.insert(0, Turn(f"s{number}", (Part("5?"),), "wrong_input", "Not right."))
            row = Row(
                f"r{number}{task}",
                "q",
                f"a{number}",
                f"p{number}",
                task,
                '{"n": 2}',
                "4",
                "P",
                "trace",
                tuple(turns),
                3,
            )
            found.append(row)
    found.append(Dropped("unify", "no_function", "f0", "a.py:double_it: none", "a.py", 1, "f0"))
    return found


def written(shown: Shown, folder: Path) -> dict[str, Any]:
    """The data of a page by the name under which the page loads it."""
    write_view(shown, folder)
    found = {}
    for file in (folder / "data").rglob("*.js"):
        call = re.fullmatch(r'loaded\("([^"]+)",(.*)\);\n', file.read_text("ascii"), re.DOTALL)
        assert call and file == folder / "data" / f"{call[1]}.js"
        found[call[1]] = json.loads(call[2])
    return found


@pytest.mark.parametrize("padding", [0, 150_000], ids=["one chunk", "a chunk a function or two"])
def test_every_record_is_in_the_chunk_that_the_summary_says(tmp_path: Path, padding: int) -> None:
    data = written(
        Shown("t", iter(items(padding=padding)), {"unify": Counts(1, 3, {"no_function": 1})}), tmp_path / "v"
    )
    summary = data["summary"]
    assert {name: table["count"] for name, table in summary["tables"].items()} == {
        "files": 1, "functions": 3, "rows": 6, "dropped": 1,
    }  # fmt: skip
    for name, table in summary["tables"].items():
        chunks = [data[f"{name}/{number:04d}"] for number in range(len(table["starts"]))]
        starts = [sum(map(len, chunks[:number])) for number in range(len(chunks))]
        assert starts == table["starts"] and sum(map(len, chunks)) == table["count"]
    assert (len(summary["tables"]["functions"]["starts"]) > 1) == bool(padding)
    rows = [row for name, chunk in sorted(data.items()) if name.startswith("rows/") for row in chunk]
    assert [row["function"] for row in rows] == data["columns/rows/0"]["function"] == [0, 0, 1, 1, 2, 2]
    assert rows[1]["turns"][1]["parts"] == [["So 4.", [2], [7]], ["\n\n4"]]
    assert data["dropped/0000"][0]["file"] == 0 and summary["examples"] == {"unify/no_function": [0]}
    assert summary["stages"][0]["reasons"] == [["no_function", 1]]


def test_verdicts_are_counted_at_the_first_and_the_last_turn(tmp_path: Path) -> None:
    verdicts = written(Shown("t", iter(items())), tmp_path / "v")["summary"]["verdicts"]
    counts = {(each["value"], each["turn"], each["verdict"]): each["count"] for each in verdicts}
    assert counts["input", 0, "correct"] == 2 and counts["input", 0, "wrong_input"] == 1
    assert counts["input", 1, "correct"] == 3 and ("input", 1, "wrong_input") not in counts
    assert counts["number", 0, "correct"] == counts["src", 0, "correct"] == 5


def test_a_word_leads_to_the_functions_that_hold_it_or_a_part_of_it(tmp_path: Path) -> None:
    data = written(Shown("t", iter(items())), tmp_path / "v")

    def places(word: str) -> list[int]:
        steps = data[f"words/{data['summary']['words'][word[:2]]:02d}"][word]
        return [sum(steps[: number + 1]) for number in range(len(steps))]

    assert places("double_it_1") == [1] and places("double") == places("main_solution") == [0, 1, 2]


def test_nothing_of_the_page_needs_a_network() -> None:
    for file in PAGE.iterdir():
        if file.suffix in (".html", ".css", ".js") and not file.name.startswith("highlight"):
            text = file.read_text("utf-8")
            assert not re.search(r"fetch\(|XMLHttpRequest|import\(|@import|type=.module", text), file
            assert set(re.findall(r"https?://[^\s\"']+", text)) <= {"http://www.w3.org/2000/svg"}, file
    page = (PAGE / "index.html").read_text("utf-8")
    named = set(re.findall(r'(?:src|href)="([^#"]+)"', page))
    assert named | {"index.html", "highlight.LICENSE"} == {file.name for file in PAGE.iterdir()}


def test_a_page_is_written_again_but_never_over_something_else(tmp_path: Path) -> None:
    written(Shown("t", iter(items())), tmp_path / "v")
    assert written(Shown("other", iter(items(1))), tmp_path / "v")["summary"]["tables"]["rows"]["count"] == 2
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("")
    with pytest.raises(RunError, match="holds no page"):
        write_view(Shown("t", iter(items())), tmp_path / "mine")
    with pytest.raises(ConfigError, match="has no functions"):
        from_dataset(tmp_path / "mine", "mine")


@pytest.mark.parametrize(
    ("response", "sentences", "cut", "left"),
    [
        ("A b. A b. {}", ["A b.", "A b."], ["A b.", " ", "A b.", " {}"], 0),
        ("First. {}", ["First.", "Of turn two."], ["First.", " {}"], 1),
        ("Nothing told", [], ["Nothing told"], 0),
    ],
)
def test_a_response_is_cut_at_its_sentences(response: str, sentences: list[str], cut: list[str], left: int) -> None:
    proof = [{"sentence": sentence, "lines": [1], "events": []} for sentence in sentences]
    parts, rest = parts_of(response, proof)
    assert [part.text for part in parts] == cut and len(rest) == left
    assert {part.text for part in parts if part.lines is not None} <= set(sentences)


def test_the_gallery_takes_each_sample_from_another_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[Item] = []
    for copy in range(12):
        for item in items(1):
            if isinstance(item, Function):
                found.append(replace(item, id=f"a0{copy}", path=f"{copy}.py"))
            elif isinstance(item, Row):
                wrong = len(item.turns) > 1 and copy == 5
                turns = (item.turns[0],) if wrong else item.turns
                found.append(replace(item, id=f"{item.id}{copy}", function=f"a0{copy}", steps=9, turns=turns))
    monkeypatch.setattr("build.report.gallery.from_run", lambda store: Shown("t", iter(found)))
    Store(tmp_path).write(
        tmp_path / "manifest.json", '{"code": "1", "recipe": {"name": "n", "teacher": {"name": "trace"}}}'
    )
    done = CliRunner().invoke(gallery, [str(tmp_path), "--output", str(tmp_path / "G.md")])
    assert done.exit_code == 0, done.output
    written = (tmp_path / "G.md").read_text("utf-8")
    paths = re.findall(r"^`(\d+\.py)`", written, re.MULTILINE)
    assert len(paths) == len(set(paths)) == 7  # four outputs, no input right at once, two mended, one wrong
    assert written.count("verdict `wrong_input`") == 3 and "## double_it_0: output question" in written
