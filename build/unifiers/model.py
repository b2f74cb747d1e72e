"""Unify by a model: a file in, four sections out, checked, tried out in the sandbox, and repaired once if need be.

A shard's files are asked together. What is of no use after the repair turn is a reject with the last reason: one of
`build.unifiers.sections`, `cut` (the answer hit its limit), `trial_<status>` (the code or its generator does not run), or what
the teacher says of a request without an answer.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from build.core.chat import Completion, LanguageModel, Message, Request, count_usage
from build.core.config import UnifyConfig
from build.core.model_text import last_block
from build.core.records import RawCode, Reject, UnifiedFunction, digest
from build.sandbox import DrawRules, Program, Sandbox
from build.unifiers.prompts import generator_prompt, repair_prompt, unify_prompt
from build.unifiers.sections import (
    SCHEMA,
    Misfit,
    Sections,
    check_function,
    check_generator,
    read_json_sections,
    read_sections,
    without_main_guard,
)
from build.unifiers.static.unifier import STAGE

_TRIAL = DrawRules(draws=20, distinct=2)
_DETAIL_CHARS = 400


class ModelUnifier:
    """Unifies by a model, as the recipe's `unify` section says. `seed` makes the trial runs repeatable."""

    def __init__(self, rules: UnifyConfig, model: LanguageModel, sandbox: Sandbox, seed: int) -> None:
        self.rules = rules
        self.model = model
        self.sandbox = sandbox
        self.seed = seed

    def from_files(self, files: Sequence[RawCode], stats: Counter[str]) -> list[UnifiedFunction | Reject]:
        """A function or a reject per file, in order; what the model cost is added to `stats`."""
        schema = SCHEMA if self.rules.structured else ""
        asked = [(Message("user", unify_prompt(raw.content, self.rules.structured)),) for raw in files]
        answers = self._complete([Request(messages, 0, self.rules.max_tokens, schema) for messages in asked], stats)
        results = [self._read(raw, answer) for raw, answer in zip(files, answers)]
        wrong = [number for number, result in enumerate(results) if isinstance(result, Reject)]
        wrong = [number for number in wrong if self.rules.repair and not answers[number].failure]
        turns = []
        for number in wrong:
            reject = results[number]
            assert isinstance(reject, Reject)
            repair = Message("user", repair_prompt(reject.reason, reject.detail.split(": ", 1)[-1]))
            turns.append((*asked[number], Message("assistant", answers[number].text), repair))
        redone = self._complete([Request(messages, 0, self.rules.max_tokens, schema) for messages in turns], stats)
        for number, answer in zip(wrong, redone):
            results[number] = self._read(files[number], answer)
            stats["repaired"] += isinstance(results[number], UnifiedFunction)
        return results

    def _read(self, raw: RawCode, answer: Completion) -> UnifiedFunction | Reject:
        """The function in an answer, or the reason why there is none."""
        try:
            if answer.failure:
                raise Misfit(answer.failure, answer.text)
            if answer.finish_reason == "length":
                raise Misfit("cut", "the answer was too long")
            sections = read_json_sections(answer.text) if self.rules.structured else read_sections(answer.text)
            check_function(sections)
            self._try_out(sections)
        except Misfit as misfit:
            return Reject(STAGE, raw.id, misfit.reason, f"{raw.path}: {misfit.detail[:_DETAIL_CHARS]}")
        except RecursionError:  # models that repeat themselves nest without end
            return Reject(STAGE, raw.id, "unparsable_code", f"{raw.path}: it is nested too deeply")
        return UnifiedFunction(
            id=digest(raw.id, sections.code, sections.generator),
            parent=raw.id,
            source=raw.source,
            path=raw.path,
            license=raw.license,
            name="main_solution",
            unifier=self.model.name,
            code=sections.code,
            description=sections.description,
            query=sections.query,
            generator=sections.generator,
        )

    def _try_out(self, sections: Sections) -> None:
        """A short run of generator and function, which has to give two pairs. Raises `Misfit`."""
        draws = self.sandbox.draw(Program(sections.code), sections.generator, _TRIAL, self.seed)
        if len(draws.pairs) == _TRIAL.distinct:
            return
        costs = ", ".join(f"{reason} {count}" for reason, count in sorted(draws.rejected.items()))
        few = "one_pair" if draws.pairs else "no_pair"
        raise Misfit(f"trial_{draws.failure or few}", f"{costs} {draws.detail}".strip())

    def with_generators(
        self, ready: Sequence[UnifiedFunction | Reject], stats: Counter[str]
    ) -> list[UnifiedFunction | Reject]:
        """Ready functions without a generator, with one where the model writes one that works; the others as they were."""
        results = list(ready)
        bare = [
            (n, found) for n, found in enumerate(results) if isinstance(found, UnifiedFunction) and not found.generator
        ]
        asked = [(Message("user", generator_prompt(found.code, found.description)),) for _, found in bare]
        answers = self._complete([Request(messages, 0, self.rules.max_tokens) for messages in asked], stats)
        for (number, function), answer in zip(bare, answers):
            try:
                source = without_main_guard(last_block(answer.text) or "")
                check_generator(source)
                self._try_out(Sections(function.code, function.description, source, function.query))
            except (Misfit, RecursionError) as error:
                stats[f"generator_{getattr(error, 'reason', 'unparsable_generator')}"] += 1
                continue
            stats["generators_written"] += 1
            results[number] = replace(
                function,
                id=digest(function.parent, function.code, source),
                unifier=f"official+{self.model.name}",
                generator=source,
            )
        return results

    def _complete(self, requests: Sequence[Request], stats: Counter[str]) -> list[Completion]:
        answers = self.model.complete(requests)
        for answer in answers:
            count_usage(answer.usage, stats)
        return answers
