"""Stages 5 and 6, rationales and revise: a teacher answers each instance, execution judges, wrong answers are redone.

Every answer is kept, right or wrong, with its verdict (the paper, section 3.4: dropping wrong ones costs accuracy). Only an
instance without any answer is a reject.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from build.core.chat import Message
from build.core.prompts import Order, grounded_prompt, prediction_prompt, revision_request
from build.core.records import Dialogue, PredictionInstance, Rationale, Reject, SampledFunction, digest
from build.sandbox import Program, Sandbox
from build.teachers.base import Question, Teacher
from build.teachers.trace.grounding import Grounds
from build.verify import Check, verify

STAGE = "rationales"


@dataclass(frozen=True, slots=True)
class Asking:
    """How instances are asked: answers per instance, the order of the prompt's parts, and whether the trace is handed over."""

    samples: int = 1
    order: Order = "paper"
    grounding: bool = False


def rationales(
    instances: Iterable[PredictionInstance],
    functions: Mapping[str, SampledFunction],
    teacher: Teacher,
    sandbox: Sandbox,
    asking: Asking | None = None,
) -> Iterator[Rationale | Reject]:
    """The teacher's answers to each instance with their verdicts, or rejects that name why there is none.

    `functions` holds, by function id, those that the instances are about.
    """
    asking = asking or Asking()
    grounds = Grounds(sandbox)
    questions = []
    for instance in instances:
        function = functions[instance.function_id]
        messages = (Message("user", _prompt(function, instance, asking, grounds)),)
        questions += [
            Question(messages, sample, function=function, instance=instance, turn=1) for sample in range(asking.samples)
        ]
    yield from _answered(questions, teacher, sandbox, grounds if asking.grounding else None)


def revise(
    answers: Iterable[Rationale],
    instances: Mapping[str, PredictionInstance],
    functions: Mapping[str, SampledFunction],
    teacher: Teacher,
    sandbox: Sandbox,
    revisions: int,
    asking: Asking | None = None,
) -> Iterator[Dialogue]:
    """A finished conversation per answer: right ones as they are, wrong ones with up to `revisions` further turns."""
    asking = asking or Asking()
    grounds = Grounds(sandbox)
    turns = [[answer] for answer in answers]
    failures = [""] * len(turns)
    for _ in range(revisions):
        wrong = [n for n, told in enumerate(turns) if not told[-1].verdict.correct and not failures[n]]
        questions = [
            _revision(turns[number], instances[turns[number][0].instance_id], functions, asking, grounds)
            for number in wrong
        ]
        redone = _answered(questions, teacher, sandbox, grounds if asking.grounding else None)
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
    messages = [Message("user", _prompt(function, instance, asking, grounds))]
    for answer in told:
        messages += [Message("assistant", answer.response), Message("user", revision_request(answer.verdict))]
    last = told[-1]
    return Question(tuple(messages), last.sample, function=function, instance=instance, turn=last.turn + 1, before=last)


def _prompt(function: SampledFunction, instance: PredictionInstance, asking: Asking, grounds: Grounds) -> str:
    prompt = prediction_prompt(function.function, instance, asking.order)
    if asking.grounding and instance.task == "output":
        return grounded_prompt(prompt, grounds.told(function.function.code, instance.input))
    return prompt


def _answered(
    questions: Sequence[Question], teacher: Teacher, sandbox: Sandbox, grounds: Grounds | None
) -> Iterator[Rationale | Reject]:
    """An answer or a reject per question, in order; they are judged together: runs of one program share a job."""
    completions = teacher.complete(questions)
    answered = [(question, done) for question, done in zip(questions, completions) if not done.failure]
    checks = [
        Check(
            Program(question.function.function.code),
            question.instance.task,
            question.instance.input,
            question.instance.output,
            done.text,
        )
        for question, done in answered
    ]
    verdicts = iter(verify(checks, sandbox))
    for question, done in zip(questions, completions):
        parent = question.before.id if question.before else question.instance.id
        sample = (str(question.sample),) if question.sample else ()
        if done.failure:
            about = f"turn {question.turn}" + (f", sample {question.sample}" if question.sample else "")
            yield Reject(STAGE, parent, done.failure, f"{question.function.function.path}: {about} {done.text}".strip())
            continue
        stated = None
        if grounds is not None and question.instance.task == "output":
            stated = grounds.check(done.text, question.function.function.code, question.instance.input)
        yield Rationale(
            id=digest(parent, str(question.turn), teacher.name, done.text, *sample),
            parent=parent,
            instance_id=question.instance.id,
            turn=question.turn,
            sample=question.sample,
            teacher=teacher.name,
            response=done.text,
            finish_reason=done.finish_reason,
            verdict=next(verdicts),
            usage=done.usage,
            reasoning=done.reasoning,
            stated=stated,
        )
