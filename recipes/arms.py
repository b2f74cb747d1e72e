"""Reports the arms of a small experiment: what each model got right on the held-out tasks, and the differences by item.

    python -m recipes arms runs/reproduce --data runs/reproduce/subset

An arm is a scored evaluation run, RUN/eval/NAME, on the same held-out tasks. Its figures are broken down by answer, by length
of the run that a question is about, and by whether the teacher told that run completely. Intervals are at 95 %, clustered by
function; differences are paired by item. RUN/report.md has everything, learning curves and texts included.
"""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets import load_dataset
from tabulate import tabulate

from build.core.errors import RunError
from build.stages.sample import TRIVIAL
from eval.rows import Where, load
from eval.run_folder import BadRun, Run
from eval.statistics import Paired, estimate, paired

ARMS = {
    "base": "base model",
    "control": "stage 2 only",
    "codeio": "CODEI/O, then stage 2",
    "codeio_pp": "CODEI/O++, then stage 2",
    "all": "CODEI/O with incomplete tellings, then stage 2",
}
PAIRS = (("base", "codeio"), ("control", "codeio"), ("base", "control"), ("codeio", "codeio_pp"), ("codeio", "all"))
EASY = TRIVIAL | {"1", "-1"}  # outputs that a guess can hit
LENGTHS = ((0, 6), (6, 12), (12, 24), (24, None))  # executed statements and decisions
_SHOWN = 3  # items gained and items lost


@dataclass(frozen=True, slots=True)
class Answer:
    """One arm's answer to one task, with what is known of the task."""

    item: str
    function: str
    right: bool
    answered: bool
    truncated: bool
    text: str
    task: dict[str, Any]
    steps: int | None
    complete: bool
    told: str

    @property
    def easy(self) -> bool:
        """Whether the right answer is one that a guess can hit."""
        return self.task["output"] in EASY


def read_arm(run: Path, data: Path) -> list[Answer]:
    """The answers of a scored evaluation run on the held-out tasks of the dataset folder `data`. Raises `RunError`."""
    try:
        scores, responses = Run(run).scores("codeio"), Run(run).responses("codeio")
        items = {item.id: item for item in load("codeio", Where(None, str(data)))}
    except (BadRun, RuntimeError) as error:
        raise RunError(str(error)) from None
    if not scores:
        raise RunError(f"{run} has no scores; run `python -m eval run {run} --held-out {data} ...`")
    facts = {row["id"]: row for row in load_dataset(str(data), "told", split="test")}
    answers = []
    for score in scores:
        task = items[score.id].row
        about = facts[task["id"]]
        answers.append(
            Answer(
                score.id,
                score.group,
                score.value == 1,
                score.answered,
                score.truncated,
                responses[score.id].text,
                task,
                about["steps"],
                bool(about["complete"]),
                about["completion"][0]["content"],
            )
        )
    return answers


def figure(answers: Sequence[Answer]) -> str:
    """The share of right answers with its interval, in percent."""
    if not answers:
        return "–"
    found = estimate("clusters", [(answer.function, float(answer.right)) for answer in answers])
    return f"{100 * found.value:.1f} ({100 * max(0.0, found.low):.1f} to {100 * found.high:.1f})"


def difference(first: Sequence[Answer], second: Sequence[Answer]) -> Paired:
    """Second minus first, on the items that both answered."""
    others = {answer.item: answer for answer in second}
    common = [answer for answer in first if answer.item in others]
    return paired(
        "clusters",
        [answer.function for answer in common],
        [float(answer.right) for answer in common],
        [float(others[answer.item].right) for answer in common],
    )


def report_arms(root: Path, data: Path) -> str:
    """Write ROOT/report.md and return the table for the terminal. Raises `RunError` without a scored arm."""
    arms = {name: read_arm(root / "eval" / name, data) for name in ARMS if (root / "eval" / name).is_dir()}
    if not arms:
        raise RunError(f"{root / 'eval'} has no arm ({', '.join(ARMS)})")
    main, pairs = _main_table(arms), _pair_table(arms)
    parts = [
        "# What the small model learned",
        _about(data, arms),
        tabulate(main, headers="keys", tablefmt="github", disable_numparse=True),
        "Right answers in percent, 95 % intervals clustered by function. Differences in percentage points, paired by item:",
        tabulate(pairs, headers="keys", tablefmt="github", disable_numparse=True),
        "## By length of the run, and by completeness of the teacher's telling",
        tabulate(_breakdown(arms), headers="keys", tablefmt="github", disable_numparse=True),
        *_learning_curves(root),
        *_changed(arms),
    ]
    (root / "report.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return "\n\n".join(tabulate(rows, headers="keys", disable_numparse=True) for rows in (main, pairs) if rows)


def _about(data: Path, arms: dict[str, list[Answer]]) -> str:
    answers = next(iter(arms.values()))
    common, count = Counter(answer.task["output"] for answer in answers).most_common(1)[0]
    told = json.loads((data / "subset.json").read_text(encoding="utf-8"))["counts"]
    return (
        f"{len(answers)} output predictions on {len({answer.function for answer in answers})} functions that no training row "
        f"came from, {sum(not answer.easy for answer in answers)} of them non-trivial (the output is none of "
        f"{' '.join(sorted(EASY))}). Always answering `{common}` would get {100 * count / len(answers):.1f} %. "
        f"CODEI/O has {told['codeio rows']} training rows of {told['codeio functions']} functions, "
        f"{told['codeio tokens']:,} tokens; CODEI/O++ {told['codeio_pp rows']} rows, {told['codeio_pp tokens']:,} tokens."
    )


def _main_table(arms: dict[str, list[Answer]]) -> list[dict[str, str]]:
    return [
        {
            "arm": ARMS[name],
            "right %": figure(answers),
            "non-trivial %": figure([answer for answer in answers if not answer.easy]),
            "no answer %": f"{_share(answers, lambda answer: not answer.answered):.1f}",
            "truncated %": f"{_share(answers, lambda answer: answer.truncated):.1f}",
            "items": f"{len(answers)}",
        }
        for name, answers in arms.items()
    ]


def _share(answers: Sequence[Answer], holds: Callable[[Answer], bool]) -> float:
    return 100 * sum(map(holds, answers)) / len(answers)


def _pair_table(arms: dict[str, list[Answer]]) -> list[dict[str, str]]:
    rows = []
    for first, second in PAIRS:
        if first in arms and second in arms:
            rows.append(
                {"difference": f"{ARMS[second]} − {ARMS[first]}"}
                | {
                    title: _points(
                        difference(
                            [answer for answer in arms[first] if hard <= (not answer.easy)],
                            [answer for answer in arms[second] if hard <= (not answer.easy)],
                        )
                    )
                    for title, hard in (("all items", False), ("non-trivial items", True))
                }
            )
    return rows


def _points(found: Paired) -> str:
    value = found.difference
    return (
        f"{100 * value.value:+.1f} ({100 * value.low:+.1f} to {100 * value.high:+.1f}), "
        f"{found.wins} gained, {found.losses} lost"
    )


def _breakdown(arms: dict[str, list[Answer]]) -> list[dict[str, str]]:
    groups: list[tuple[str, Callable[[Answer], bool]]] = [
        (
            f"{low} to {high - 1} steps" if high else f"{low} steps or more",
            lambda answer, low=low, high=high: low <= (answer.steps or 0) < (high or 1 << 40),  # type: ignore[misc]
        )
        for low, high in LENGTHS
    ]
    groups += [("told completely", lambda answer: answer.complete), ("not told completely", lambda a: not a.complete)]
    rows = []
    for title, holds in groups:
        parts = {name: [answer for answer in answers if holds(answer)] for name, answers in arms.items()}
        row = {"tasks": title, "items": str(len(next(iter(parts.values()))))}
        rows.append(row | {ARMS[name]: figure(part) for name, part in parts.items()})
    return rows


def _learning_curves(root: Path) -> list[str]:
    """Accuracy on the held-out tasks against the training tokens of stage 1, where the runs logged it."""
    rows = []
    for name in ARMS:
        state = root / "models" / f"{name}_stage1" / "trainer_state.json"
        if state.is_file():
            for entry in json.loads(state.read_text(encoding="utf-8"))["log_history"]:
                if "benchmark_accuracy" in entry:
                    rows.append(
                        {
                            "arm": ARMS[name],
                            "tokens of stage 1": f"{entry['tokens_seen']:,.0f}",
                            "right %": f"{100 * entry['benchmark_accuracy']:.1f}",
                        }
                    )
    if not rows:
        return []
    table = tabulate(rows, headers="keys", tablefmt="github", disable_numparse=True)
    return ["## Learning curves, on the first of the held-out tasks, during stage 1", table]


def _changed(arms: dict[str, list[Answer]]) -> list[str]:
    """Items that CODEI/O gained over the control (else the base) and items that it lost, with both texts."""
    first = next((name for name in ("control", "base") if name in arms), None)
    if first is None or "codeio" not in arms:
        return []
    before = {answer.item: answer for answer in arms[first]}
    both = [(before[answer.item], answer) for answer in arms["codeio"] if answer.item in before]
    gained = [pair for pair in both if pair[1].right and not pair[0].right]
    gained.sort(key=lambda pair: pair[1].easy)
    lost = [pair for pair in both if pair[0].right and not pair[1].right]
    parts = []
    for title, found in (("gained", gained), ("lost", lost)):
        parts.append(f"## Items {title}: {ARMS['codeio']} against {ARMS[first]} ({len(found)})")
        for old, new in found[:_SHOWN]:
            parts.append(
                f"```python\n{new.task['code'].strip()}\n```\n\nInput `{new.task['input']}`, output `{new.task['output']}`.\n\n"
                f"{ARMS[first]}:\n\n{_quoted(old.text)}\n\n{ARMS['codeio']}:\n\n{_quoted(new.text)}"
            )
    return parts


def _quoted(text: str) -> str:
    shown = text if len(text) <= 1500 else f"{text[:1500]} … ({len(text)} characters)"
    return "\n".join(f"> {line}" for line in shown.splitlines()) or "> (nothing)"
