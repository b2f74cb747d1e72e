"""Reading what models write: objects in every rendering, fences of every kind, thinking, and hostile texts."""

import json
import re
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from build.core.model_text import fenced_blocks, find_objects, last_block, split_thinking
from build.sandbox.codec import NotData, encode
from build.verify import read_answer
from tests.build.test_values import JSON_VALUES

PLAIN = st.characters(exclude_categories=["Cs"])


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        # the last complete object counts, fenced or not
        ('```json\n{"output": 1}\n```\nNo. It is {"output": 2}', "2"),
        ('{"output": 1}\n\n```\n{"output": 2}\n```\nSo {"output": 3} it is.', "3"),
        ('```\nfirst\n```\nand\n```\n{"output": 2}\n```\n', "2"),
        ('{"output": 1} Let me write that again: {"output": [1, 2', "1"),
        ('{"output": 1}, that is {"output": <value>} with {"output": ...} filled in', "1"),
        ('~~~\n{"output": 4}\n~~~', "4"),
        ('1. So:\n   ```json\n   {"output":\n     5}\n   ```', "5"),
        ('```json\n{"output": 6}', "6"),
        ('````markdown\n```json\n{"output": 7}\n```\n````', "7"),
        ('```json {"output": 8}```', "8"),
        # slips
        ('{"output": "a\nb\tc"}', '"a\\nb\\tc"'),
        ("{'output': [true, False, null, None]}", "[true, false, null, null]"),
        ("{'output': {'a': [1, 2,], 'b': (3,), },}", '{"a": [1, 2], "b": [3]}'),
        ('{"output": 5  // the sum\n}', "5"),
        ('{# here\n"output": /* a { brace */ 6}', "6"),
        ('{output: "x"}', '"x"'),
        ("{“output”: “y”}", '"y"'),
        ('{"output":"z"}', '"z"'),
        ("{'output': 'it\\'s', 'why': \"it's\"}", '"it\'s"'),
        ("{'output': 'a}b{'}", '"a}b{"'),
        ('{"output": "the { is open"}', '"the { is open"'),
        ("{'output': 'two ' \"parts\"}", '"two parts"'),
        ("{'output': '''long\n'text'''}", '"long\\n\'text"'),
        ('{"output": "\\ud83d\\ude00\\u00e9 \\d"}', '"😀é \\\\d"'),
        ('{"output": [.5, +1, 1., 0x1f, 1_000, -0]}', "[0.5, 1, 1.0, 31, 1000, 0]"),
        ("{'output': {3, 1}}", "[1, 3]"),
        ("{'output': (1)}", "1"),
        ('{"output": {"max\\_len": "\\\\_"}}', '{"max_len": "\\\\_"}'),
        # places
        ('\\boxed{{"output": [1]}}', "[1]"),
        ('\\boxed{"output": 2}', "2"),
        ('$\\boxed{\\{"output": \\{"a": 3\\}\\}}$', '{"a": 3}'),
        ("**`{'output': 4}`**", "4"),
        ('"{"output": 5}"', "5"),
        ('"{\\"output\\": \\"a\\\\nb\\"}"', '"a\\nb"'),
        ('{"answer": {"output": 6}, "sure": true}', "6"),
        ('{"answer": "{\\"output\\": 7}"}', "7"),
        ('{"note": "not {\\"output\\": 1}", "output": 8, "more": "or {\\"output\\": 2}"}', "8"),
        ('{"output": {"output": 9}}', '{"output": 9}'),
        ('{"output": "{\\"output\\": 1}"}', '"{\\"output\\": 1}"'),
        ('{"steps": [{"output": 1}, {"output": 2}], "output": 3}', "3"),
        ('if (x) { y = 1; } then {"output": 4}, see {this}', "4"),
        ('{"output": 1}\r\n{"output":\r\n 2}\r\n', "2"),
        ('{"output":\u00a03}\u2028', "3"),
        # thinking
        ('<think>maybe {"output": 1}</think> It is {"output": 2}', "2"),
        ('It is {"output": 2} <think>or {"output": 1}?', "2"),
        ('maybe {"output": 1}\n</think>\n{"output": 2}', "2"),
        ('<think>\n```\n{"output": 1}\n</think>\n\n{"output": 2}', "2"),
        ('{"output": "<think>"}', '"<think>"'),
        ('The code removes "<think>" and `</think>`, so {"output": "a</think>b"}', '"a</think>b"'),
    ],
)
def test_answers_are_read_as_a_person_reads_them(text: str, answer: str) -> None:
    assert read_answer(text, "output") == answer


@pytest.mark.parametrize(
    "text",
    [
        '<think>maybe {"output": true}</think> I cannot tell.',
        '<think>maybe {"output": true}',
        'maybe {"output": true}</think>I cannot tell.',
        'Hm. <thinking>{"output": 1}</thinking>',
        '[THINK]{"output": 1}[/THINK] No idea.',
        '{"input": {"output": 1}}',  # the other question, of an argument with that name
        '{"output": ...}',
        '{"output": <value>}',
        '{"output": [1, 2',
        '{"output": 1 2}',
        '{"output": "a "quoted" word"}',
        '{"output": 007}',
        '{"output": x}',
        '{"output"}',
        '{"output": 1, 2}',
        '"output": 3',
    ],
)
def test_what_is_no_answer_is_not_guessed(text: str) -> None:
    with pytest.raises(NotData):
        read_answer(text, "output")


@pytest.mark.parametrize("value", ["NaN", "-Infinity", "1e999", "9" * 5000, "b'x'", '"\\ud800"'])
def test_a_last_answer_that_is_no_data_counts_and_is_no_answer(value: str) -> None:
    with pytest.raises(NotData, match="no JSON value"):
        read_answer(f'First {{"output": 1}}, then {{"output": {value}}}', "output")


def test_an_input_answer_that_is_written_as_a_string_is_an_object() -> None:
    assert read_answer('{"input": "{\\"n\\": 3}"}', "input") == '{"n": 3}'
    with pytest.raises(NotData, match="not an object"):
        read_answer('{"input": "see {\\"n\\": 3}"}', "input")


# Every value in every rendering, at every place.


def _python(value: Any) -> str:
    return repr(value)


def _mixed(value: Any) -> str:
    """Python's quotes, JSON's words."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {_mixed(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_mixed, value)) + "]"
    return repr(value) if isinstance(value, str) else json.dumps(value)


def _sloppy(value: Any) -> str:
    """Raw line breaks in strings, trailing commas, remarks."""
    if isinstance(value, dict):
        return "{" + "".join(f"{_sloppy(key)}: {_sloppy(item)}, // so\n" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[ # a list\n" + "".join(f"{_sloppy(item)} /* it's {{ */," for item in value) + "]"
    if isinstance(value, str):
        return '"' + re.sub(r'(["\\])', r"\\\1", value) + '"'
    return repr(value)


def _latex(value: Any) -> str:
    """Braces escaped where they are no text."""
    if isinstance(value, dict):
        return "\\{" + ", ".join(f"{json.dumps(key)}: {_latex(item)}" for key, item in value.items()) + "\\}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_latex, value)) + "]"
    return json.dumps(value)


RENDERINGS = [
    json.dumps,
    lambda value: json.dumps(value, ensure_ascii=False, indent=2),
    lambda value: json.dumps(value, separators=(",", ":")),
    *(_python, _mixed, _sloppy, _latex),
]
PLACES = [
    "{}",
    "So it is {} and nothing else.",
    "```json\n{}\n```",
    "~~~\n{}\n~~~\nDone.",
    "  - ```\n    {}\n    ```",
    "```json\n{}",
    "\\boxed{{{}}}",
    "**{}**",
    "'{}'",
    '{{"sure": true, "answer": {}}}',
    '{{"steps": [{{"output": "a draft"}}, {}]}}',
]
BEFORE = [
    "",
    'A draft: {"output": "draft"}.\n',
    '```json\n{"output": "draft"}\n```\n\nWait.\n',
    '<think>\nIt could be {"output": "draft"}, or {"output": [\n</think>\n\n',
    'Okay, {"output": "draft"}.\n</think>\n',
    "for (i = 0; i < n; i++) { f({1, 2}); }\n",
    "Since \\frac{a}{b} = {x | x > 0}, ",
]


@settings(max_examples=300)
@given(
    JSON_VALUES,
    st.sampled_from(RENDERINGS),
    st.sampled_from(PLACES),
    st.sampled_from(BEFORE),
    st.sampled_from(["", "\n\nThat is all.", "\n\nNote: {n} stands for a number."]),
)
def test_a_rendered_answer_is_always_read_back(
    value: Any, rendering: Any, place: str, before: str, behind: str
) -> None:
    text = before + place.format(rendering({"output": value})) + behind
    assert read_answer(text, "output") == encode(value)


@given(JSON_VALUES)
def test_valid_json_means_what_it_means_to_a_json_parser(value: Any) -> None:
    for text in (json.dumps({"k": value}), json.dumps({"k": value}, ensure_ascii=False, indent=1)):
        ((start, end, found),) = find_objects(text)
        assert (start, end) == (0, len(text)) and encode(found) == encode(json.loads(text))


@settings(max_examples=300)
@given(
    st.lists(
        st.sampled_from([*"{}[]()\"'`:,\\/*#~\n\r\u2028.-+1eEx", "output", "input", '{"output": ', "null", "<think>"])
        | st.sampled_from(["</think>", "```", "```json\n", "\\boxed{", "'''", '"""', "\\u", "NaN", "set()"])
        | st.text(max_size=3),
        max_size=60,
    ).map("".join)
)
def test_any_text_is_no_answer_or_canonical_json(text: str) -> None:
    for task in ("output", "input"):
        try:
            answer = read_answer(text, task)
        except NotData as error:
            assert error.detail
        else:
            assert encode(json.loads(answer)) == answer


HOSTILE = [
    *(
        '{"a":',
        '{"a":[',
        "{",
        "[",
        "{{",
        '{"',
        "{'",
        "{a:",
        "{/*",
        "{#",
        "{//",
        '{"""',
        "{'''a",
        "{“",
        "((",
        "{(",
        "{[(",
    ),
    *(
        '{"a":"{',
        '{k:"{k:1,//',
        "\\{",
        "\\",
        "{-",
        "{1,",
        "{a:1,",
        '{"\\',
        "<think>",
        "</think>",
        "```\n",
        "```a\n",
        "<think>{",
    ),
    *(
        "{'a':1,#'",
        '{"output":',
        '{"output":"\\"',
        "\\u",
        "{0x",
        "{1_",
        "{a:{1,",
        "{a:(",
        '{"a":{"b":"}',
        "~~~\n````x\n",
    ),
]


@pytest.mark.parametrize("piece", HOSTILE)
def test_hostile_texts_are_read_in_bounded_work(piece: str) -> None:
    """Work, not time: reading may pay for a text a few times over, and says so where it is not enough."""
    for text in (
        piece * (40_000 // len(piece)),
        piece * 1000 + "}" * 1000 + "]" * 100,
        piece * 2000 + '{"output": 3}',
    ):
        with suppress(NotData):
            assert isinstance(read_answer(text, "output"), str)
        split_thinking(text)
        fenced_blocks(text)


# Blocks.


@pytest.mark.parametrize(
    ("text", "block"),
    [
        ("```python\na\n```\n```\nb\n```", "b"),
        ("```\na\n```\ntext\n```\nb\n```\n", "b"),
        ("~~~py\na\n~~~", "a"),
        ("```\r\na\r\n```\r\n", "a"),
        ("  ```python\n  a\n    b\n  ```", "a\n  b"),
        ('```python\ndef f():\n    """\n    ```\n    f()\n    ```\n    """\n    return 1\n```', None),
        ("````md\n```python\na\n```\n````", "a"),
        ("```markdown\n```python\na\n```\n```", "a"),
        ("```python\nx\n\nNo:\n```python\na\n```\n", "a"),
        ("```python\na\u2028b\x0cc\n```", "a\u2028b\x0cc"),
        ("```python\nnever closed", "never closed"),
        ("```python\na\n```\nend\n```\n", "a"),
        ("a ``` b\n``` c", None),
        ("no block", None),
    ],
)
def test_the_last_block(text: str, block: str | None) -> None:
    expected = text.split("```python\n")[1].rsplit("\n```")[0] if "return 1" in text else block
    assert last_block(text) == expected


@given(
    st.lists(st.text(PLAIN, max_size=20).map(lambda line: re.sub(r"[\r\n]", " ", line)), max_size=5),
    st.sampled_from("`~"),
)
def test_a_fenced_text_is_read_back(lines: list[str], sign: str) -> None:
    content = "\n".join(lines)
    fence = sign * (3 + max((len(run[0]) for run in re.finditer(re.escape(sign) + "+", content)), default=0))
    (block,) = fenced_blocks(f"before\n{fence}text\n{content}\n{fence}\nbehind")
    assert (block.content, block.closed) == (content, True)


@pytest.mark.parametrize(
    ("text", "thought", "said"),
    [
        ("<think>a</think>b", "a", "b"),
        ("<think>\n\n</think>\n\nb", "", "b"),
        ("a</think>b", "a", "b"),
        ("<think>a<think>b</think>c</think>d", "abc", "d"),
        ("x <THINKING>a</THINKING> y", "a", "x  y"),
        ("<|begin_of_thought|>a<|end_of_thought|>\n\nb", "a", "b"),
        ("◁think▷a◁/think▷b", "a", "b"),
        ("<|channel|>analysis<|message|>a<|channel|>final<|message|>b", "a", "b"),
        ("<think>a", "a", ""),
        ("no tags", "", "no tags"),
        ("Write `<think>` first.", "", "Write `<think>` first."),
        (
            'Use\n```python\ns = """\n<think>\n{}\n</think>\n"""\n```',
            "",
            'Use\n```python\ns = """\n<think>\n{}\n</think>\n"""\n```',
        ),
        ('re.sub(r"<think>.*?</think>", "")', "", 're.sub(r"<think>.*?</think>", "")'),
    ],
)
def test_thinking_is_told_from_what_is_said(text: str, thought: str, said: str) -> None:
    assert split_thinking(text) == (thought, said)
