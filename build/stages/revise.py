"""Stage 8, revise: asks once more, with the feedback of execution, where an answer was wrong (paper, section 2.3)."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from build.core.chat import Message
from build.core.prompts import revision_request
from build.core.records import Dialogue, PredictionInstance, Rationale, Reject, SampledFunction, digest
from build.sandbox import Sandbox
from build.stages.answer import Asking, ask, asking_of, count_verdict, prompt_of
from build.stages.stage import Context, Shard, Stage
from build.teachers.base import Question, Teacher
from build.teachers.trace.grounding import Grounds


def run(shard: Shard, context: Context, stats: Counter[str]) -> Iterator[Dialogue]:
    """The finished conversations of a shard. Counts the verdicts of the further turns, and what they cost."""
    instances = {record.id: record for record in shard.kept(PredictionInstance)}
    functions = {record.function.id: record for record in shard.kept(SampledFunction)}
    recipe = context.recipe
    asking = asking_of(recipe)
    dialogues = revise(
        shard.records, instances, functions, context.teacher, context.sandbox, recipe.revisions, asking, stats
    )
    for dialogue in dialogues:
        for turn in dialogue.turns[1:]:
            count_verdict(turn, instances[dialogue.instance_id].task, stats)
        if dialogue.failure:
            stats[f"failed_{dialogue.failure}"] += 1
        yield dialogue


def revise(
    answers: Iterable[Rationale],
    instances: Mapping[str, PredictionInstance],
    functions: Mapping[str, SampledFunction],
    teacher: Teacher,
    sandbox: Sandbox,
    revisions: int,
    asking: Asking | None = None,
    stats: Counter[str] | None = None,
) -> Iterator[Dialogue]:
    """A finished conversation per answer: right ones as they are, wrong ones with up to `revisions` further turns.

    What turns without an answer have cost is added to `stats`.
    """
    asking = asking or Asking()
    grounds = asking.grounds(sandbox)
    turns = [[answer] for answer in answers]
    failures = [""] * len(turns)
    for _ in range(revisions):
        wrong = [n for n, told in enumerate(turns) if not told[-1].verdict.correct and not failures[n]]
        questions = [
            _revision(turns[number], instances[turns[number][0].instance_id], functions, asking, grounds)
            for number in wrong
        ]
        redone = ask(questions, teacher, sandbox, grounds if asking.checks else None, stats)
        for number, answer in zip(wrong, redone):
            if isinstance(answer, Reject):
                failures[number] = answer.reason
            else:
                turns[number].append(answer)
    for told, failure in zip(turns, failures):
        yield Dialogue(digest(*(turn.id for turn in told)), told[0].instance_id, tuple(told), failure)


def _revision(
    told: Sequence[Rationale],
    instance: PredictionInstance,
    functions: Mapping[str, SampledFunction],
    asking: Asking,
    grounds: Grounds,
) -> Question:
    """The request for the turn after those told so far, with the whole conversation."""
    function = functions[instance.function_id]
    messages = [Message("user", prompt_of(function, instance, asking, grounds))]
    for answer in told:
        messages += [Message("assistant", answer.response), Message("user", revision_request(answer.verdict))]
    last = told[-1]
    return Question(tuple(messages), last.sample, function=function, instance=instance, turn=last.turn + 1, before=last)


stage = Stage("revise", Rationale, Dialogue, run)
