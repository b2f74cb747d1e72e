"""Stage 7, answer: a teacher answers each question, and execution judges the answer.

Every answer is kept, right or wrong, with its verdict (the paper, section 3.4: dropping wrong ones costs accuracy). A
question without any answer is a reject, and so is an answer that was cut, unless the recipe keeps those.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from build.core.chat import Message, count_usage
from build.core.config import DataRecipe
from build.core.prompts import Order, grounded_prompt, prediction_prompt
from build.core.records import PredictionInstance, Rationale, Reject, SampledFunction, Task, digest
from build.core.store import Counts
from build.sandbox import Program, Sandbox
from build.stages.stage import Context, Shard, Stage
from build.teachers.base import Question, Teacher
from build.teachers.trace.grounding import Grounds
from build.verify import Check, verify

STAGE = "answer"


@dataclass(frozen=True, slots=True)
class Asking:
    """How instances are asked: answers per instance, the order of the prompt's parts, what is done with the trace of a run,
    and the share of refuted sentences above which an answer is dropped.
    """

    samples: int = 1
    order: Order = "paper"
    grounding: Literal["off", "tell", "report", "reject"] = "off"
    refuted: float = 0.2

    def grounds(self, sandbox: Sandbox) -> Grounds:
        return Grounds(sandbox, self.refuted if self.grounding == "reject" else None)

    @property
    def checks(self) -> bool:
        return self.grounding in ("report", "reject")


def run(shard: Shard, context: Context, stats: Counter[str]) -> Iterator[Rationale | Reject]:
    """The teacher's first answers to a shard's questions. Counts verdicts by task, and what the answers cost."""
    functions = {record.function.id: record for record in shard.kept(SampledFunction)}
    tasks = {instance.id: instance.task for instance in shard.records}
    for answer in rationales(
        shard.records, functions, context.teacher, context.sandbox, asking_of(context.recipe), stats
    ):
        if isinstance(answer, Rationale):
            count_verdict(answer, tasks[answer.instance_id], stats)
        yield answer


def rationales(
    instances: Iterable[PredictionInstance],
    functions: Mapping[str, SampledFunction],
    teacher: Teacher,
    sandbox: Sandbox,
    asking: Asking | None = None,
    stats: Counter[str] | None = None,
) -> Iterator[Rationale | Reject]:
    """The teacher's answers to each instance with their verdicts, or rejects that name why there is none.

    `functions` holds, by function id, those that the instances are about. What rejects have cost is added to `stats`.
    """
    asking = asking or Asking()
    grounds = asking.grounds(sandbox)
    questions = []
    for instance in instances:
        function = functions[instance.function_id]
        messages = (Message("user", prompt_of(function, instance, asking, grounds)),)
        questions += [
            Question(messages, sample, function=function, instance=instance, turn=1) for sample in range(asking.samples)
        ]
    yield from ask(questions, teacher, sandbox, grounds if asking.checks else None, stats)


def prompt_of(function: SampledFunction, instance: PredictionInstance, asking: Asking, grounds: Grounds) -> str:
    prompt = prediction_prompt(function.function, instance, asking.order)
    if asking.grounding != "off" and instance.task == "output":
        return grounded_prompt(prompt, grounds.told(function.function.code, instance.input))
    return prompt


def ask(
    questions: Sequence[Question],
    teacher: Teacher,
    sandbox: Sandbox,
    grounds: Grounds | None,
    stats: Counter[str] | None = None,
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
            if stats is not None:
                count_usage(done.usage, stats)
            about = f"turn {question.turn}" + (f", sample {question.sample}" if question.sample else "")
            yield Reject(STAGE, parent, done.failure, f"{question.function.function.path}: {about} {done.text}".strip())
            continue
        verdict = next(verdicts)
        stated = None
        if grounds is not None and question.instance.task == "output":
            report = grounds.check(done.text, question.function.function.code, question.instance.input)
            stated = (report.count("confirmed") + report.count("refuted"), report.count("confirmed"))
            if stats is not None:
                for status in ("confirmed", "refuted", "open"):
                    stats[f"sentences_{status}"] += report.count(status)
            if why := grounds.refused(report):
                if stats is not None:
                    count_usage(done.usage, stats)
                yield Reject(STAGE, parent, "refuted", f"{question.function.function.path}: {why}")
                continue
        yield Rationale(
            id=digest(parent, str(question.turn), teacher.name, done.text, *sample),
            parent=parent,
            instance_id=question.instance.id,
            turn=question.turn,
            sample=question.sample,
            teacher=teacher.name,
            response=done.text,
            finish_reason=done.finish_reason,
            verdict=verdict,
            usage=done.usage,
            reasoning=done.reasoning,
            stated=stated,
            complete=done.complete,
            proof=done.proof,
        )


def asking_of(recipe: DataRecipe) -> Asking:
    """How a recipe wants its questions asked."""
    teacher = recipe.teacher
    return Asking(teacher.samples, recipe.prompt_order, teacher.grounding, teacher.grounding_refuted)


def count_verdict(answer: Rationale, task: Task, stats: Counter[str]) -> None:
    """Add an answer's verdict, end and cost to a stage's stats. Turn 1 and turn 2 have a stage each; turn 3 has a prefix."""
    third = "third_" if answer.turn == 3 else ""
    stats[f"{third}{task}_{answer.verdict.status}"] += 1
    stats[f"finish_{answer.finish_reason}"] += answer.finish_reason != "stop"
    if answer.stated is not None:
        stats["stated_sentences"] += answer.stated[0]
        stats["stated_sentences_confirmed"] += answer.stated[1]
    if answer.complete is not None:
        stats[f"{task}_told"] += 1
        stats[f"{task}_told_completely"] += answer.complete
    count_usage(answer.usage, stats)


def shortfall(counts: Counts, least: int = 1) -> str:
    """A sentence for the person where at least half of the first answers hold no answer, or were cut; "" elsewhere.

    Fewer than `least` answers say nothing.
    """
    asked = counts.kept + counts.rejected
    missing = Counter(counts.rejects)
    missing["no_answer"] += sum(counts.stats.get(f"{task}_no_answer", 0) for task in ("output", "input"))
    cut = counts.rejects.get("cut", 0) + counts.stats.get("finish_length", 0)
    if not asked or asked < least or max(missing.total(), cut) < asked / 2:
        return ""
    reasons = ", ".join(f"{reason} {count}" for reason, count in missing.most_common(3) if count)
    told = f"{missing.total()} of {asked} first answers hold no answer{f' ({reasons})' if reasons else ''}"
    if cut >= asked / 2:
        return f"{told}, and {cut} ended at their limit: raise `teacher.max_tokens`, or take a model that thinks less"
    return f"{told}: look at some in the run folder's `{STAGE}`, and at the model, its chat template and its server"


stage = Stage(STAGE, PredictionInstance, Rationale, run)
