"""The source filters of the paper (section 2.1), for recipes that want them: which files are worth a teacher's time.

PyEdu-R: a model says what kind of reasoning a file takes; textbook algorithms (the other source is full of them) and files
without reasoning are dropped. CodeMix: a model completes a function of the file several times; files that it completes right
nearly always, or nearly never, are dropped. How a completion is judged the paper leaves open; here by execution: it has to
give the same outputs as the original on sampled inputs. That takes a function that the static unifier can run, which about
one file in a hundred of the official demo has; the others pass, and their number is in the stage's tallies.
"""

import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from build.four_sections import last_block
from build.llm_unify import tally_usage
from build.recipe import Filters
from build.records import RawCode, Reject, UnifiedFunction
from build.sandbox import DrawRules, Program, Sandbox
from build.static_functions import static_functions
from build.teachers.base import Completion, LanguageModel, Message, Request
from build.unify_prompts import REASONING_TYPES, completion_prompt, label_prompt

STAGE = "filters"

_DROPPED = ("algorithms", "non-reasoning")
_PAIRS = 3  # a completion has to give the same output for each


class SourceFilters:
    """Judges files as the recipe's `filters` section says. Ready functions pass."""

    def __init__(self, rules: Filters, model: LanguageModel, sandbox: Sandbox, seed: int) -> None:
        self.rules = rules
        self.model = model
        self.sandbox = sandbox
        self.seed = seed

    def judge(self, files: Iterable[RawCode], tallies: Counter[str]) -> Iterator[RawCode | Reject]:
        """Each file, or a reject: type_<label>, type_unclear, cut, too_easy, too_hard, or why the model gave no answer.
        What the model cost, how often each label came, and files with nothing_to_complete are added to `tallies`."""
        files = list(files)
        rejects: dict[str, Reject] = {}
        for wanted, rule in ((self.rules.reasoning_type, self._by_type), (self.rules.completion, self._by_completion)):
            if wanted:
                left = [raw for raw in files if raw.kind == "python" and raw.id not in rejects]
                rejects |= {reject.parent: reject for reject in rule(left, tallies)}
        for raw in files:
            yield rejects.get(raw.id, raw)

    def _by_type(self, files: Sequence[RawCode], tallies: Counter[str]) -> Iterator[Reject]:
        requests = [Request((Message("user", label_prompt(raw.content)),), 0, self.rules.max_tokens) for raw in files]
        for raw, answer in zip(files, self._complete(requests, tallies)):
            label = read_label(answer.text)
            tallies[f"type_{label or 'unclear'}"] += 1
            if answer.failure:
                yield Reject(STAGE, raw.id, answer.failure, raw.path)
            elif not label and answer.finish_reason == "length":
                yield Reject(STAGE, raw.id, "cut", f"{raw.path}: raise `filters.max_tokens`")
            elif not label or label in _DROPPED:
                yield Reject(STAGE, raw.id, f"type_{label or 'unclear'}", f"{raw.path}: {answer.text[:80]}")

    def _by_completion(self, files: Sequence[RawCode], tallies: Counter[str]) -> Iterator[Reject]:
        asked: list[tuple[RawCode, UnifiedFunction, tuple[tuple[str, str], ...]]] = []
        requests: list[Request] = []
        for raw in files:
            found = self._completable(raw)
            if found is None:
                tallies["nothing_to_complete"] += 1
                continue
            function, pairs = found
            asked.append((raw, function, pairs))
            message = Message("user", completion_prompt(*_beginning(raw.content, function.name)))
            requests += [
                Request((message,), sample, self.rules.max_tokens) for sample in range(self.rules.completion_tries)
            ]
        answers = iter(self._complete(requests, tallies))
        for raw, function, pairs in asked:
            asked_for = [next(answers) for _ in range(self.rules.completion_tries)]
            tries = [answer for answer in asked_for if not answer.failure]
            if not tries:
                yield Reject(STAGE, raw.id, asked_for[0].failure, f"{raw.path}:{function.name}")
                continue
            right = sum(self._is_right(function, pairs, answer.text) for answer in tries)
            rate = right / len(tries)
            if not self.rules.completion_low <= rate <= self.rules.completion_high:
                reason = "too_easy" if rate > self.rules.completion_high else "too_hard"
                yield Reject(STAGE, raw.id, reason, f"{raw.path}:{function.name}: {right} of {len(tries)} right")

    def _completable(self, raw: RawCode) -> tuple[UnifiedFunction, tuple[tuple[str, str], ...]] | None:
        """The first function of a file that can be run here, with some pairs."""
        for function in static_functions(raw):
            if isinstance(function, UnifiedFunction) and function.generator:
                rules = DrawRules(draws=50, distinct=_PAIRS)
                draws = self.sandbox.draw(Program(function.code), function.generator, rules, self.seed)
                if len(draws.pairs) == _PAIRS:
                    return function, draws.pairs
        return None

    def _is_right(self, function: UnifiedFunction, pairs: tuple[tuple[str, str], ...], answer: str) -> bool:
        code = replaced(function.code, function.name, last_block(answer) or answer)
        if code is None:
            return False
        results = self.sandbox.call(Program(code), [given for given, _ in pairs])
        return all(result.value == output for result, (_, output) in zip(results, pairs))

    def _complete(self, requests: Sequence[Request], tallies: Counter[str]) -> list[Completion]:
        answers = self.model.complete(requests)
        for answer in answers:
            tally_usage(answer.usage, tallies)
        return answers


def read_label(answer: str) -> str:
    """The reasoning type that an answer names last; "" when it names none."""
    best = (-1, "")
    text = answer.lower()
    for label in REASONING_TYPES:
        pattern = rf"(?<![\w-]){re.escape(label).replace('-', '[- ]')}(?![\w-])".replace("\\[- ]", "[- ]")
        for match in re.finditer(pattern, text):
            best = max(best, (match.start(), label))
    return best[1]


def replaced(code: str, name: str, completion: str) -> str | None:
    """The code with its top-level function `name` replaced by the one in `completion`; None when there is none."""
    try:
        written = ast.parse(completion)
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    bodies = [node for node in written.body if isinstance(node, ast.FunctionDef) and node.name == name]
    if not bodies:
        return None
    tree.body = [bodies[-1] if isinstance(node, ast.FunctionDef) and node.name == name else node for node in tree.body]
    try:
        return ast.unparse(tree)
    except RecursionError:
        return None


def _beginning(content: str, name: str) -> tuple[str, str]:
    """A file up to the end of a function's docstring, and the function's first line."""
    node = next(node for node in ast.parse(content).body if isinstance(node, ast.FunctionDef) and node.name == name)
    lines = content.split("\n")  # as the parser counts them: a form feed ends no line
    end = node.body[0].end_lineno if ast.get_docstring(node) else node.body[0].lineno - 1
    return "\n".join(lines[:end]), lines[node.lineno - 1].strip()
