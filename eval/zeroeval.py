r"""Gives ZeroEval's verdicts (WildEval/ZeroEval, src/evaluation/{eval_utils,math_eval,crux_eval}.py), written anew.

Its published totals follow a rule of their own, which is no scorer's here; `python -m eval agreement` holds the rule against
the totals. The answer is the "answer" of the first complete JSON object; where that does not parse or lacks the key, what a
pattern finds after the key, in quotes or up to a comma or blank; and for Llama 3.1, what a box near the end holds. Arithmetic
compares the first numbers as floats, code compares strings without the quotes around them.
"""

import json
import re
from typing import Any

from eval.scorers.korbench import arithmetic

_RENAMED = (
    ("gemma-2-9b-it@nvidia", "gemma-2-9b-it"),
    ("gemma-2-9b-it@together", "gemma-2-9b-it"),
    ("gemma-2-27b-it@together", "gemma-2-27b-it"),
    ("gemma-2-27b-it@nvidia", "gemma-2-27b-it"),
    ("deepseek-chat", "deepseek-v2-chat-0628"),
    ("deepseek-coder", "deepseek-v2-coder-0614"),
    ("DeepSeek-Coder-V2-0724", "deepseek-v2-coder-0724"),
    ("Llama-3.1-405B-Inst-fp8", "Llama-3.1-405B-Inst-fp8@together"),
    ("Llama-3.1-405B-Instruct-Turbo", "Llama-3.1-405B-Inst-fp8@together"),
    ("Meta-Llama-3.1-405B-Instruct@hyperbolic", "Llama-3.1-405B-Inst@hyperbolic"),
)
_NUMBER = re.compile(r"-?\d+(\.\d+)?")


def published_name(model: str) -> str:
    """The name in the published table of the model that a result file is named after."""
    for old, new in _RENAMED:
        model = model.replace(old, new)
    return model


def is_right(bench: str, row: dict[str, Any], model: str) -> bool:
    """The verdict on a row of a result file: {"output": [text], "answer"}; `bench` is crux, gsm or math-l5."""
    answer = read_answer(row["output"][0], model)
    if answer is None:
        return False
    if bench == "crux":
        given, wanted = (str(text).strip("'\"") for text in (answer, row["answer"]))
        return given.replace("\n", "\\n") == wanted
    numbers = [_NUMBER.search(_sanitised(str(text))) for text in (answer, str(row["answer"]).replace("#", "").strip())]
    found = [float(number.group()) for number in numbers if number is not None]
    return len(found) == 2 and found[0] == found[1]


def read_answer(output: str, model: str) -> Any:
    """The answer of an output, or None."""
    parsed = _first_object(output)
    if isinstance(parsed, dict) and "answer" in parsed:
        return parsed["answer"]
    patterns = (
        r'"answer"\s*:\s*"([^"]*?)"',
        r'"answer"\s*:\s*([^,\s]*)',
        r"answer\s*:\s*([^,\s]*)",
    )
    for pattern in patterns:
        if match := re.search(pattern, output):
            return match[1]
    if "Llama-3.1" in model and "boxed" in output[-30:] and (match := re.search(r"\\boxed{([\w\d]+)}", output)):
        return match[1]
    return None


def _first_object(text: str) -> Any:
    """The first balanced object of a text as JSON, without its line breaks; None where that does not parse."""
    depth, start = 0, -1
    for place, character in enumerate(text):
        if character == "{":
            start = place if depth == 0 else start
            depth += 1
        elif character == "}" and depth:
            depth -= 1
            if depth == 0:
                try:
                    return json.loads(text[start : place + 1].replace("\n", ""))
                except (ValueError, RecursionError):
                    return None
    return None


def _sanitised(answer: str) -> str:
    """Without dollar signs and commas; a fraction as its value (the original calls Python's eval on it)."""
    answer = answer.replace("$", "").strip().replace(",", "")
    if "/" in answer and (value := arithmetic(answer)) is not None:
        return str(float(value))
    return answer
