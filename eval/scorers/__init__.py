"""One module a benchmark: `prompt(row)` makes the user turn, `score(row, response)` judges the response's text.

Scorers are plain functions over the dataset's own rows. They import no evaluation harness, run no code outside the
sandbox and evaluate no model text. Whatever a response holds, a scorer returns a `Score`; an answer it cannot find
scores 0 and is counted as unanswered.
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
