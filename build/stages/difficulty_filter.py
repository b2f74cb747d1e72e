"""Stage 5, difficulty_filter: keeps what a model completes right neither nearly always nor nearly never (CodeMix; paper, 2.1).

The paper has a small code model complete a function of each file, and leaves open when a completion is right. Here it is
right when the program gives its verified outputs again, so the filter comes after sampling and works on every function that
got that far. The largest function of the program is completed: `main_solution` may be a line that calls it.
"""

import ast
from collections import Counter
from collections.abc import Iterable, Iterator

from build.core.chat import LanguageModel, Message, Request, count_usage
from build.core.config import FilterConfig
from build.core.model_text import last_block
from build.core.records import Reject, SampledFunction
from build.sandbox import Program, Sandbox
from build.stages.stage import Context, Shard, Stage
from build.unifiers.prompts import completion_prompt

STAGE = "difficulty_filter"


def run(shard: Shard, context: Context, stats: Counter[str]) -> Iterator[SampledFunction | Reject]:
    """Each function, or a reject; every function where the recipe does not ask for this filter."""
    rules = context.recipe.filters
    if context.model is None or not rules.difficulty:
        yield from shard.records
    else:
        yield from filter_by_difficulty(shard.records, rules, context.model, context.sandbox, stats)


def filter_by_difficulty(
    sampled: Iterable[SampledFunction],
    rules: FilterConfig,
    model: LanguageModel,
    sandbox: Sandbox,
    stats: Counter[str],
) -> Iterator[SampledFunction | Reject]:
    """Each function, or in its place a reject: too_easy, too_hard, or why the model gave no answer.

    What the model cost is added to `stats`.
    """
    records = list(sampled)
    requests = []
    for record in records:
        message = Message("user", _prompt(record))
        requests += [Request((message,), sample, rules.max_tokens) for sample in range(rules.difficulty_tries)]
    answers = model.complete(requests)
    for answer in answers:
        count_usage(answer.usage, stats)
    unread = iter(answers)
    for record in records:
        asked_for = [next(unread) for _ in range(rules.difficulty_tries)]
        tries = [answer for answer in asked_for if not answer.failure]
        function = record.function
        if not tries:
            yield Reject(STAGE, function.id, asked_for[0].failure, f"{function.path}:{function.name}")
            continue
        right = sum(_is_right(record, answer.text, sandbox) for answer in tries)
        if rules.difficulty_low <= right / len(tries) <= rules.difficulty_high:
            yield record
        else:
            reason = "too_easy" if right / len(tries) > rules.difficulty_high else "too_hard"
            told = f"{function.path}:{function.name}: {right} of {len(tries)} right"
            yield Reject(STAGE, function.id, reason, told)


def replaced(code: str, name: str, completion: str) -> str | None:
    """The code with its top-level function `name` replaced by the one in `completion`; None when there is none."""
    try:
        written = ast.parse(completion)
        tree = ast.parse(code)
        bodies = [node for node in written.body if isinstance(node, ast.FunctionDef) and node.name == name]
        if not bodies:
            return None
        tree.body = [
            bodies[-1] if isinstance(node, ast.FunctionDef) and node.name == name else node for node in tree.body
        ]
        return ast.unparse(tree)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _largest(code: str) -> ast.FunctionDef:
    functions = [node for node in ast.parse(code).body if isinstance(node, ast.FunctionDef)]
    return max(functions, key=lambda node: sum(1 for _ in ast.walk(node)))


def _prompt(record: SampledFunction) -> str:
    """The program up to the end of the docstring of its largest function, and what it is to do."""
    function = record.function
    node = _largest(function.code)
    lines = function.code.split("\n")  # as the parser counts them: a form feed ends no line
    end = node.body[0].end_lineno if ast.get_docstring(node) else node.body[0].lineno - 1
    end = max(end or 0, node.lineno)  # a body may stand in the first line
    task = f"{function.query}\n\n{function.description}"
    return completion_prompt("\n".join(lines[:end]), f"def {node.name}({ast.unparse(node.args)}):", task)


def _is_right(record: SampledFunction, answer: str, sandbox: Sandbox) -> bool:
    code = record.function.code
    made = replaced(code, _largest(code).name, last_block(answer) or answer)
    if made is None:
        return False
    results = sandbox.call(Program(made), [pair.input for pair in record.pairs])
    return all(result.value == pair.output for result, pair in zip(results, record.pairs))


stage = Stage(STAGE, SampledFunction, SampledFunction, run)
