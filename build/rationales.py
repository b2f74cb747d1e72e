"""Stages 5 and 6, rationales and revise: a teacher answers each instance, execution judges, wrong answers are redone once.

Every answer is kept, right or wrong, with its verdict (the paper, section 3.4: dropping wrong ones costs accuracy). Only an
instance without any answer is a reject.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from build.prompts import prediction_prompt, revision_request
from build.records import Dialogue, PredictionInstance, Rationale, Reject, SampledFunction, digest
from build.sandbox import Program, Sandbox
from build.teachers.base import Message, Request, Teacher
from build.verify import Check, verify

STAGE = "rationales"


def rationales(
    instances: Iterable[PredictionInstance],
    functions: Mapping[str, SampledFunction],
    teacher: Teacher,
    sandbox: Sandbox,
) -> Iterator[Rationale | Reject]:
    """The teacher's answer to each instance with its verdict, or a reject that names why there is none.

    `functions` holds, by function id, those that the instances are about.
    """
    requests = [
        Request(
            (Message("user", prediction_prompt(functions[instance.function_id].function, instance)),),
            functions[instance.function_id],
            instance,
            1,
        )
        for instance in instances
    ]
    yield from _answered(requests, teacher, sandbox)


def revise(
    answers: Iterable[Rationale],
    instances: Mapping[str, PredictionInstance],
    functions: Mapping[str, SampledFunction],
    teacher: Teacher,
    sandbox: Sandbox,
    revisions: int,
) -> Iterator[Dialogue]:
    """A finished conversation per answer: right ones as they are, wrong ones with a second turn where `revisions` is 1."""
    answers = list(answers)
    wrong = [answer for answer in answers if revisions and not answer.verdict.correct]
    requests = [_revision(answer, instances[answer.instance_id], functions) for answer in wrong]
    redone = {answer.id: second for answer, second in zip(wrong, _answered(requests, teacher, sandbox))}
    for answer in answers:
        second = redone.get(answer.id)
        failure = second.reason if isinstance(second, Reject) else ""
        turns = (answer, second) if isinstance(second, Rationale) else (answer,)
        yield Dialogue(digest(*(turn.id for turn in turns)), answer.instance_id, turns, failure)


def _revision(answer: Rationale, instance: PredictionInstance, functions: Mapping[str, SampledFunction]) -> Request:
    function = functions[instance.function_id]
    messages = (
        Message("user", prediction_prompt(function.function, instance)),
        Message("assistant", answer.response),
        Message("user", revision_request(answer.verdict)),
    )
    return Request(messages, function, instance, answer.turn + 1, answer)


def _answered(requests: Sequence[Request], teacher: Teacher, sandbox: Sandbox) -> Iterator[Rationale | Reject]:
    """An answer or a reject per request, in order; the answers are judged together, so that runs of one program share a job."""
    completions = teacher.complete(requests)
    answered = [(request, done) for request, done in zip(requests, completions) if not done.failure]
    checks = [
        Check(
            Program(request.function.function.code),
            request.instance.task,
            request.instance.input,
            request.instance.output,
            done.text,
        )
        for request, done in answered
    ]
    verdicts = iter(verify(checks, sandbox))
    for request, done in zip(requests, completions):
        parent = request.before.id if request.before else request.instance.id
        if done.failure:
            yield Reject(STAGE, parent, done.failure, f"{request.function.function.path}: turn {request.turn}")
            continue
        yield Rationale(
            id=digest(parent, str(request.turn), teacher.name, done.text),
            parent=parent,
            instance_id=request.instance.id,
            turn=request.turn,
            sample=0,
            teacher=teacher.name,
            response=done.text,
            finish_reason=done.finish_reason,
            verdict=next(verdicts),
            usage=done.usage,
        )
