"""Asks and scores the benchmarks, one module each: it exports `BENCHMARK`, with its loader, its prompt and its scorer.

Scorers are plain functions over the dataset's own rows. They import no evaluation harness, run no code outside the
sandbox and evaluate no model text. Whatever a response holds, a scorer returns a `Score`; an answer that it cannot find
scores 0 and is counted as unanswered. `eval.scorers.reading` has the one rule by which answers are found.

To add a benchmark:

1. Write `eval/scorers/NAME.py` with `prompt(row)`, `score(row, response)` and `BENCHMARK = Benchmark("NAME", ...)`, after the
   model of `gsm8k.py`; `eval.benchmark.Benchmark` says what each field is.
2. Add `NAME.BENCHMARK` to `BENCHMARKS` in `eval/benchmarks.py`, and copy `eval/tasks/gsm8k.yaml` to `eval/tasks/NAME.yaml`
   with the new name.
3. Add a few rows as `tests/eval/rows/NAME.jsonl`, the right answer to them in `right_answer` of `tests/eval/test_scorers.py`,
   and a `Speaker` in `eval/endings/items.py`; the existing tests then run over the new benchmark.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Score:
    """The judgement of one response.

    `value` is the benchmark's own metric of this item, in 0..1. `answered` is False when no answer was found. `other` holds
    secondary metrics by name.
    """

    value: float
    answered: bool = True
    other: dict[str, float] = field(default_factory=dict)


UNANSWERED = Score(0.0, answered=False)
