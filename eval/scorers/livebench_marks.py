r"""Finds boxes and tags in a response as LiveBench's repository does (process_results/util.py and its callers).

These rules differ from this project's own in `eval.scorers.extract`: `\boxed x` with a blank hides every other box, a last box
that never closes is none, and dollar signs inside a box go.
"""

import re


class Unreadable(ValueError):
    """Raised for a box on which the repository's code stops with an error; it counts such an answer as 0."""


def last_box(text: str) -> str | None:
    r"""The content of the last box: after `\boxed ` up to a dollar sign, else of `\boxed{...}`, else of `\fbox{...}`."""
    if "\\boxed " in text:
        return text.rpartition("\\boxed ")[2].partition("$")[0]
    start = text.rfind("\\boxed")
    if start < 0 and (start := text.rfind("\\fbox")) < 0:
        return None
    depth = 0
    for end in range(start, len(text)):
        depth += (text[end] == "{") - (text[end] == "}")
        if text[end] == "}" and depth == 0:
            box = text[start : end + 1].replace("$", "").replace("fbox", "boxed")
            if not box.startswith("\\boxed{"):
                raise Unreadable(box[:100])
            return box.removeprefix("\\boxed{")[:-1]
    return None


def solutions(text: str) -> list[str]:
    """What stands in `<solution>` tags, each on one line."""
    return re.findall(r"<solution>(.*?)</solution>", text)
