"""What is made of docstrings, and of the letters that code looks for; without a sandbox."""

import ast

import pytest

from build.unifiers.static.docstrings import read_comment, read_docstring
from build.unifiers.static.vocabulary import vocabulary_of


@pytest.mark.parametrize(
    ("docstring", "summary"),
    [
        ("Split an iterable, at most *n* times. *sep* can be:\n\n* a value", "Split an iterable, at most n times."),
        ("Split it as follows:\n\n* at a value", "Split it as follows"),
        ("Parse the `ISO8601-formatted time`_ strings.", "Parse the ISO8601-formatted time strings."),
        ("unused(terms)\n    Find all that are not used.", "Find all that are not used."),
        ("Version 2+.", None),
        ("Generic. (Added at version 2.)", None),
    ],
)
def test_a_summary_is_read_whole_and_without_markup(docstring: str, summary: str | None) -> None:
    docs = read_docstring(docstring)
    assert (docs and docs.summary) == summary


def test_a_question_is_no_task() -> None:
    assert read_docstring('That thing where "internationalization" becomes "i18n", what is it called? Oh well.') is None
    docs = read_docstring("What was it again?\n\n:param n: the number\n")
    assert docs is not None and not docs.summary and docs.parameters == {"n": "the number"}


@pytest.mark.parametrize(
    ("comments", "summary"),
    [
        ("    # index in the tree is one more than here\n", None),  # of the statement that follows
        ("    # Find the largest of all values\n\n", "Find the largest of all values"),
    ],
)
def test_a_comment_in_the_body_is_of_the_function_where_it_stands_alone(comments: str, summary: str | None) -> None:
    text = f"def f(n):\n{comments}    return n\n"
    (node,) = ast.parse(text).body
    assert isinstance(node, ast.FunctionDef)
    found = read_comment(text.split("\n"), node)
    assert (found.summary if found else None) == summary


def test_lines_are_drawn_for_code_that_splits_them() -> None:
    function = ast.parse("def f(text):\n    return [line.strip() for line in text.splitlines()]\n").body[0]
    assert "\n" in vocabulary_of(function, ast.Module([function], [])).letters
