"""Compares our scorers with verdicts that others published: `python -m eval agreement DIR`.

DIR holds graded model outputs, a folder a benchmark: bbh, cruxeval, gsm8k, korbench, math, zeroeval (each is optional).
Every set gives a row of the table: items judged, disagreements, and what the verdicts are. A difference is listed with its
cause; a set that stores a total and no verdicts of its own is compared by that total.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from build.core.tables import read_rows
from build.sandbox import Limits, Sandbox
from eval import zeroeval
from eval.scorers import bbh, cruxeval, gsm8k, hendrycks_math, korbench, leetcode_o, zebralogic
from eval.scorers.extract import last_boxed

KOR_FIXED_ANSWERS = "the stored verdict was made with an answer that was corrected later"


@dataclass(frozen=True, slots=True)
class Agreement:
    """One row: `items` verdicts compared, and the differences as (item, ours, theirs, cause)."""

    graded_set: str
    compared_with: str
    items: int
    differences: list[tuple[str, str, str, str]] = field(default_factory=list)
    note: str = ""


def agreements(folder: Path) -> Iterator[Agreement]:
    """A row for every graded set that the folder has. Raises ValueError when it has none."""
    checks: dict[str, Callable[[Path], Iterator[Agreement]]] = {
        "bbh": _bbh,
        "cruxeval": _cruxeval,
        "gsm8k": _gsm8k,
        "korbench": _korbench,
        "math": _math,
        "zeroeval": _zeroeval,
    }
    present = [name for name in checks if (folder / name).is_dir()]
    if not present:
        raise ValueError(f"{folder} has none of the folders {', '.join(checks)}: point to the folder of graded outputs")
    for name in present:
        yield from checks[name](folder / name)


def _rows(path: Path) -> list[dict[str, Any]]:
    return list(read_rows(path))


def _gsm8k(folder: Path) -> Iterator[Agreement]:
    rows = _rows(folder / "graded_solutions.jsonl")
    for model in [key for key, value in rows[0].items() if isinstance(value, dict)]:
        differences = []
        for number, row in enumerate(rows):
            gold = {"answer": row["ground_truth"].replace("\nA: ", "\n#### ")}
            ours = bool(gsm8k.score(gold, row[model]["solution"]).value)
            if ours != row[model]["is_correct"]:
                cause = f"the text ends in {row[model]['solution'][-40:]!r}, gold {row['ground_truth'][-12:]!r}"
                differences.append((str(number), str(ours), str(row[model]["is_correct"]), cause))
        yield Agreement(f"GSM8K, {model}", "is_correct of each solution", len(rows), differences)


def _bbh(folder: Path) -> Iterator[Agreement]:
    """The published figures are a task's accuracy; an item's verdict follows from the rule that gives exactly these."""
    accuracy = json.loads((folder / "graded" / "accuracy.json").read_text(encoding="utf-8"))
    totals, verdicts, items = [], [], 0
    for path in sorted((folder / "graded").glob("*.jsonl")):
        rows = _rows(path)
        items += len(rows)
        theirs = [bbh.reference_answer(row["prediction"]) == row["target"] for row in rows]
        reached = 100 * sum(theirs) / len(rows)
        if abs(reached - accuracy[path.stem]) > 1e-6:
            totals.append((path.stem, f"{reached:.2f}", f"{accuracy[path.stem]:.2f}", ""))
        for number, (row, verdict) in enumerate(zip(rows, theirs)):
            ours = bool(bbh.score(row | {"task": path.stem}, row["prediction"]).value)
            if ours != verdict:
                cause = (
                    f"ours reads {bbh.extract(row | {'task': path.stem}, row['prediction'])!r}, gold {row['target']!r}"
                )
                verdicts.append((f"{path.stem} {number}", str(ours), str(verdict), cause))
    yield Agreement("BBH, published rule", "accuracy of each task", len(accuracy), totals)
    yield Agreement("BBH, our extraction", "verdicts of the published rule", items, verdicts)


def _korbench(folder: Path) -> Iterator[Agreement]:
    samples = {
        kind: {row["idx"]: row for row in _rows(folder / "data" / kind / "sample.jsonl")} for kind in korbench.KINDS
    }
    for latex in (False, True):
        for model in sorted({path.name.split("_")[1] for path in (folder / "graded").iterdir()}):
            items, differences = 0, []
            for kind in korbench.KINDS:
                path = folder / "graded" / f"evaluation_{model}_{kind}_zero-shot.jsonl.json"
                for graded in json.loads(path.read_text(encoding="utf-8")):
                    items += 1
                    now = samples[kind][graded["idx"]] | {"kind": kind}
                    then = now | {"answer": graded["answer"]}
                    row = now if latex else then
                    ours = bool(korbench.score(row, graded["response"], published=not latex).value)
                    if ours != graded["is_correct"]:
                        fixed = now["answer"] != graded["answer"]
                        cause = "LaTeX is parsed here, and was compared as a string there"
                        if fixed:
                            cause = KOR_FIXED_ANSWERS
                        elif not any(opening in graded["response"] for opening in ("[", "$\\boxed{")):
                            cause = "the answer has no brackets, without which the published rule reads none"
                        differences.append((f"{kind} {graded['idx']}", str(ours), str(graded["is_correct"]), cause))
            mode = "today's answers, LaTeX parsed" if latex else "published mode"
            yield Agreement(f"KOR-Bench, {model}, {mode}", "is_correct of each response", items, differences)


def _cruxeval(folder: Path) -> Iterator[Agreement]:
    rows = {row["id"]: row for row in _rows(folder / "cruxeval.jsonl")}
    with Sandbox(Limits(call_cpu_s=cruxeval.CPU_SECONDS)) as sandbox:
        for mode in ("input", "output"):
            items, differences = 0, []
            graded = _rows(folder / f"graded_{mode}_codellama-7b.jsonl")
            for item in tqdm(graded, desc=f"CRUXEval, {mode}s", unit="item", leave=False):
                row = rows[item["id"]]
                known: dict[str, bool] = {}  # greedy-like samples repeat; a repeated text is run once
                for number, (text, passed) in enumerate(zip(item["generations"], item["passed"])):
                    if text not in known:
                        known[text] = cruxeval.passes(cruxeval.reference_program(mode, row, text), sandbox)
                    items += 1
                    if known[text] != passed:
                        differences.append((f"{item['id']} {number}", str(known[text]), str(passed), text[:80]))
            yield Agreement(
                f"CRUXEval-{mode[0].upper()}, Code Llama 7B", "passed of each generation", items, differences
            )


def _math(folder: Path) -> Iterator[Agreement]:
    rows = _rows(folder / "math500.jsonl")
    differences = []
    for number, row in enumerate(rows):
        gold = last_boxed(row["solution"])
        if gold is None or not hendrycks_math.equivalent(gold, row["answer"]):
            differences.append((str(number), "False", "True", row["answer"]))
    yield Agreement("MATH-500, gold answers by math-verify", "each equals itself", len(rows), differences)


_CARD = "hkust-nlp/LeetCode-O"


def hub_agreements() -> Iterator[Agreement]:
    """LeetCode-O's prediction file on the Hub: the card's 13 figures by the authors' rule, and our reading beside that rule.

    Raises ValueError where the files cannot be had or the card names no figures.
    """
    from huggingface_hub import hf_hub_download

    try:
        card, predictions = (
            Path(hf_hub_download(_CARD, name, repo_type="dataset")) for name in ("README.md", "prediction.jsonl")
        )
        text, rows = card.read_text(encoding="utf-8"), _rows(predictions)
    except Exception as error:  # the Hub's clients raise many kinds; each means that the files cannot be had now
        first = (str(error).strip() or type(error).__name__).split("\n")[0][:200]
        raise ValueError(f"{_CARD} cannot be read from the Hub; check the network and HF_ENDPOINT [{first}]") from error
    published = {name: float(value) for name, value in _FIGURE.findall(text)}
    if not published:
        raise ValueError(f"the card of {_CARD} has no figures such as 'Overall_Question_Acc': 0.5")
    responses = [_response(row) for row in rows]
    theirs = [leetcode_o.published_score(row, response) for row, response in zip(rows, responses)]
    figures = leetcode_o.figures(zip(rows, theirs))
    differences = [
        (name, f"{figures[name]:.6f}" if name in figures else "none", f"{value:.6f}", "")
        for name, value in published.items()
        if name not in figures or abs(figures[name] - value) > 1e-12
    ]
    yield Agreement("LeetCode-O, published rule", "each figure of the card", len(published), differences)
    verdicts = []
    for number, (row, response, verdict) in enumerate(zip(rows, responses, theirs)):
        ours = leetcode_o.score(row, response)
        if ours.value != verdict.value:
            cause = f"ours reads the last object, theirs {leetcode_o.published_answer(response)!r}"
            verdicts.append((str(number), str(bool(ours.value)), str(bool(verdict.value)), cause[:200]))
    yield Agreement("LeetCode-O, our reading", "verdicts of the published rule", len(rows), verdicts)


_FIGURE = re.compile(
    r"[\"']?\b(Difficulty_\w+|Lang_\w+|Overall_\w+|No_Answer)[\"']?\s*[:=|]\s*([01](?:\.\d+)?(?:[eE]-?\d+)?)"
)


def _response(row: dict[str, Any]) -> str:
    """The model's text in a row of a prediction file."""
    value = row.get("output")
    return str(value[0] if isinstance(value, list) and len(value) == 1 else value or "")


def _zeroeval(folder: Path) -> Iterator[Agreement]:
    """Published totals of whole result files, to the digit; a part of the rows is only shown beside its total."""
    summaries = {
        name: {row["Model"]: row for row in json.loads((folder / f"{name}.summary.json").read_text(encoding="utf-8"))}
        for name in ("crux", "gsm", "math-l5", "zebra-grid")
        if (folder / f"{name}.summary.json").is_file()
    }
    for path in sorted(folder.glob("*.jsonl")):
        bench, _, model = path.name.removesuffix(".jsonl").partition(".")
        rows = _rows(path)
        if bench == "zebra-grid":
            parsed = [zebralogic.parsed_solution(row["output"][0]) is not None for row in rows]
            note = f"{sum(parsed)} of {len(rows)} parse (no verdicts are stored; whole set: 15 of 16 parse)"
            yield Agreement(f"ZeroEval {bench}", "nothing: no verdicts", 0, [], note)
            continue
        right = sum(zeroeval.is_right(bench, row, model) for row in rows)
        ours = f"{right / len(rows) * 100:.2f}"  # in this order, as ZeroEval computes it
        summary = summaries.get(bench, {}).get(zeroeval.published_name(model))
        if summary is None:
            yield Agreement(
                f"ZeroEval {bench}, {model}", "nothing: no published total", 0, [], f"{ours} on {len(rows)} rows"
            )
        elif len(rows) == int(summary["Total"]):
            differences = [] if ours == summary["Acc"] else [(model, ours, summary["Acc"], "")]
            yield Agreement(
                f"ZeroEval {bench}, {model}", "the total accuracy", 1, differences, f"{ours} against {summary['Acc']}"
            )
        else:
            note = f"{ours} on {len(rows)} rows; published {summary['Acc']} on {summary['Total']}"
            yield Agreement(f"ZeroEval {bench}, {model}", "nothing: a part of the rows", 0, [], note)
