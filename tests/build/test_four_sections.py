"""The parser of a model's four-section text: tolerant where it costs nothing, a named reason otherwise."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from build.sandbox import DrawRules, Limits, Program, Sandbox
from build.unifiers.sections import (
    SCHEMA_KEYS,
    Misfit,
    Sections,
    check_function,
    read_json_sections,
    read_sections,
    without_main_guard,
)

TEXTS = sorted((Path(__file__).parent / "unified_texts").glob("*.md"))
GOOD = TEXTS[0].read_text("utf-8")


def reason_of(text: str) -> str:
    with pytest.raises(Misfit) as raised:
        check_function(read_sections(text))
    return raised.value.reason


def test_ten_texts_are_read_and_their_functions_run() -> None:
    assert len(TEXTS) == 10
    with Sandbox(Limits(call_cpu_s=1, job_cpu_s=5)) as sandbox:
        for file in TEXTS:
            sections = read_sections(file.read_text("utf-8"))
            check_function(sections)
            draws = sandbox.draw(Program(sections.code), sections.generator, DrawRules(distinct=5), seed=1)
            assert len(draws.pairs) == 5, (file.name, draws)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("### Main Function", "### The Function", "no_main_function"),
        ("### Input Output Description", "", "no_io_description"),
        ("### Input Generator", "### Generator", "no_input_generator"),
        ("### Problem Statement", "", "no_problem_statement"),
        ("```\n### Input Output", "### Input Output", "no_io_description"),
        ("    return best\n```\n", "    return best\n", "no_io_description"),
        ("def main_solution(numbers, target):", "def main_solution(numbers, target:", "unparsable_code"),
        ("def main_solution(", "def solve(", "no_entry_point"),
        ("def main_solution(numbers, target):", "def main_solution():", "no_arguments"),
        ("def main_solution(numbers, target):", "def main_solution(*numbers):", "star_arguments"),
        ("    return best", "    best += 1", "no_return"),
        ("    best = None", "    print(numbers)", "does_io"),
        ("    best = None", "    import os", "io_import"),
        ("    best = None", "    import random", "uses_randomness"),
        ("def input_generator():", "def input_generator(:", "unparsable_generator"),
        ("def input_generator():", "def generate():", "no_generator_function"),
        ("def input_generator():", "def input_generator(size):", "generator_arguments"),
        ("import random\n", "import random\nmain_solution([1, 2], 3)\n", "generator_not_alone"),
        ("`target` (int)", "the goal (int)", "argument_not_described"),
    ],
)
def test_each_flaw_has_its_reason(old: str, new: str, reason: str) -> None:
    assert old in GOOD
    text = GOOD.replace(old, new, 1)
    if reason == "argument_not_described":
        text = text.replace("from the target", "from the goal")
    assert reason_of(text) == reason


def test_a_section_without_block_and_an_open_block_are_named() -> None:
    head = GOOD.split("### Input Generator")[0]
    assert reason_of(head + "### Input Generator\nnothing\n### Problem Statement\nWhat?") == "no_generator_block"
    assert reason_of(GOOD + "```python\nx = 1") == "unclosed_block"
    assert reason_of(GOOD.split("Somebody")[0]) == "empty_query"


def test_json_answers_give_the_same_parts() -> None:
    sections = read_sections(GOOD)
    text = json.dumps(
        {
            "main_function": sections.code,
            "input_output_description": sections.description,
            "input_generator": f"```python\n{sections.generator}```",
            "problem_statement": sections.query,
        }
    )
    read = read_json_sections(text)
    assert (read.code, read.query, read.generator) == (sections.code, sections.query, sections.generator)
    with pytest.raises(Misfit, match="bad_json"):
        read_json_sections(text[:-3])


STRUCTURED = json.dumps(
    dict(zip(SCHEMA_KEYS, (read_sections(GOOD).code, "`numbers`, `target`", read_sections(GOOD).generator, "What?")))
)


@pytest.mark.parametrize(
    "text",
    [
        f"Here it is:\n\n```json\n{STRUCTURED}\n```\nIt is complete.",
        f"```\n{STRUCTURED}\n```",
        STRUCTURED.replace("\\n", "\n"),  # raw line breaks in the strings
        STRUCTURED[:-1] + ",}",
        f'{{"main_function": "a draft"}}\n\n{STRUCTURED}',
        STRUCTURED.replace("\\n", "\\r\\n"),
    ],
)
def test_structured_answers_are_read_as_models_write_them(text: str) -> None:
    sections = read_json_sections(text)
    check_function(sections)
    assert sections.code == read_sections(GOOD).code


@pytest.mark.parametrize(
    "text",
    [
        GOOD.replace("\n", "\r\n"),
        GOOD.replace("\n", "\r"),
        f"Sure:\n\n````markdown\n{GOOD}\n````\n",
        f"```markdown\n{GOOD}\n```",
        GOOD.replace("```python", "~~~").replace("```", "~~~"),
        GOOD.replace("```python", "````py").replace("```\n", "````\n"),
        GOOD.replace("```python", "```"),
        GOOD.replace(
            "    best = None", '    """\n    ```\n    main_solution([1], 2)\n    ```\n    """\n    best = None'
        ),
        GOOD.replace("    best = None", '    """A page break: \x0c and a line separator: \u2028."""\n    best = None'),
    ],
)
def test_lines_and_fences_of_every_kind_are_read(text: str) -> None:
    sections = read_sections(text)
    check_function(sections)
    assert "\r" not in sections.code + sections.description + sections.generator + sections.query
    assert sections.query == read_sections(GOOD).query


def test_a_structured_answer_without_a_part_is_named() -> None:
    with pytest.raises(Misfit, match='"problem_statement" is no string'):
        read_json_sections(STRUCTURED.replace("problem_statement", "question"))


@given(st.text(alphabet='#*` \nMainFuctoIpuOutDescriGeraPblmS:1\\"', max_size=400))
def test_any_text_gives_sections_or_a_reason(text: str) -> None:
    try:
        assert isinstance(read_sections(text), Sections)
    except Misfit as misfit:
        assert misfit.reason


def test_a_form_feed_does_not_move_the_main_guard() -> None:
    assert without_main_guard('a = 1\n\x0cb = 2\nif __name__ == "__main__":\n    main()\n') == "a = 1\n\x0cb = 2\n"
