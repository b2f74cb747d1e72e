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
from build.core.model_text import fenced_blocks
from build.core.records import Reject, SampledFunction
from build.core.values import values_match
from build.sandbox import Program, Sandbox
from build.sandbox.codec import decode
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
    """Each function, or a reject: too_easy, too_hard, nothing_to_complete, or why the model gave no answer.

    What the model cost is added to `stats`.
    """
    records = []
    requests = []
    for record in sampled:
        try:
            message = Message("user", _prompt(record))
        except (ValueError, SyntaxError, RecursionError, MemoryError) as error:
            about = f"{record.function.path}:{record.function.name}"
            yield Reject(STAGE, record.function.id, "nothing_to_complete", f"{about}: {type(error).__name__}: {error}")
            continue
        records.append(record)
        requests += [Request((message,), sample, rules.max_tokens) for sample in range(rules.difficulty_tries)]
    answers = model.complete(requests)
    for answer in answers:
        count_usage(answer.usage, stats)
    unread = iter(answers)
    for record in records:
        asked_for = [next(unread) for _ in range(rules.difficulty_tries)]
        tries = [answer for answer in asked_for if not answer.failure and answer.finish_reason != "length"]
        function = record.function
        if not tries:
            why = asked_for[0].text if asked_for[0].failure else "raise `filters.max_tokens`"
            told = f"{function.path}:{function.name} {why}".strip()
            yield Reject(STAGE, function.id, asked_for[0].failure or "cut", told)
            continue
        right = sum(_is_right(record, answer.text, sandbox) for answer in tries)
        if rules.difficulty_low <= right / len(tries) <= rules.difficulty_high:
            yield record
        else:
            reason = "too_easy" if right / len(tries) > rules.difficulty_high else "too_hard"
            told = f"{function.path}:{function.name}: {right} of {len(tries)} right"
            yield Reject(STAGE, function.id, reason, told)


def merged(code: str, name: str, completion: str) -> str | None:
    """The program with its top-level function `name` as `completion` has it, together with the imports and helpers that come
    with it; None when there is no such function.

    What the completion defines under a name that the program uses otherwise is moved into the function: the rest of the
    program stays as it is. Statements that define nothing, such as a test call, are left out.
    """
    try:
        program, written = ast.parse(code), ast.parse(completion)
        function = next(node for node in reversed(written.body) if _defines(node, name))
        place = max(number for number, node in enumerate(program.body) if _defines(node, name))
        assert isinstance(function, ast.FunctionDef)
        taken = {bound for node in program.body for bound in _bound(node)} - {name}
        texts = {ast.dump(node) for node in program.body}
        brought = [
            node for node in written.body if _bound(node) and ast.dump(node) not in texts and not _defines(node, name)
        ]
        inside = [node for node in brought if _bound(node) & taken and not _is_future(node)]
        parameters = {node.arg for node in ast.walk(function.args) if isinstance(node, ast.arg)}
        function.body[:0] = [node for node in inside if not _bound(node) & (parameters | {"*"})]
        outside = [node for node in brought if node not in inside]
        imports = [node for node in outside if isinstance(node, ast.Import | ast.ImportFrom)]
        helpers = [node for node in outside if node not in imports]
        head = [node for node in imports if _is_future(node)]
        program.body[place : place + 1] = [*(node for node in imports if node not in head), *helpers, function]
        program.body[:0] = head
        return ast.unparse(program)
    except (StopIteration, SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _defines(node: ast.stmt, name: str) -> bool:
    return isinstance(node, ast.FunctionDef) and node.name == name


def _is_future(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "__future__"


def _bound(node: ast.stmt) -> set[str]:
    """The names that a definition, an assignment or an import binds; none for other statements."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {(item.asname or item.name).split(".")[0] for item in node.names}
    if isinstance(node, ast.Assign | ast.AnnAssign):
        return {each.id for each in ast.walk(node) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)}
    return set()


def _largest(code: str) -> ast.FunctionDef:
    """The top-level function with the most nodes. Raises ValueError when there is none."""
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
    """Whether the program with the function as the answer writes it gives every verified output."""
    code = record.function.code
    name = _largest(code).name
    texts = [*(block.content for block in reversed(fenced_blocks(answer))), answer]
    made = next((made for text in texts if (made := merged(code, name, text)) is not None), None)
    if made is None:
        return False
    results = sandbox.call(Program(made), [pair.input for pair in record.pairs])
    return all(
        result.status == "ok" and result.value is not None and values_match(decode(result.value), decode(pair.output))
        for result, pair in zip(results, record.pairs)
    )


stage = Stage(STAGE, SampledFunction, SampledFunction, run)
