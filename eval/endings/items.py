r"""The items that the grammar's endings answer, a `Speaker` for each benchmark: rows, and the forms an answer can take.

A speaker gives for one item a right and a wrong answer, each in all forms of its kind. The rows are made up. Where a benchmark's
own code decides how a response is read (KOR-Bench, LiveBench, ZebraLogic), its speaker writes what that code asks for.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from eval.endings.grammar import (
    BLANKS,
    CHANGES,
    CHOICE_MARKS,
    HEDGES,
    LEADS,
    MARKS,
    REFUSALS,
    REVERSED_MARKS,
    TAILS,
    Form,
    Mark,
)

Row = dict[str, Any]
Forms = Callable[[str], Sequence[Form]]


@dataclass(frozen=True, slots=True)
class Speaker:
    """How one item is answered. `right` and `wrong` are plain forms; `forms` writes either of them in every way.

    `asked` says which axes make sense for the item's kind; empty ones are left out.
    """

    benchmark: str
    row: Row
    right: str
    wrong: str
    forms: Forms
    marks: tuple[Mark, ...] = MARKS
    hedges: tuple[str, ...] = HEDGES
    refusals: tuple[str, ...] = REFUSALS
    changes: tuple[str, ...] = CHANGES
    leads: tuple[str, ...] = LEADS
    tails: tuple[str, ...] = TAILS
    more: tuple[tuple[tuple[Mark, ...], Forms], ...] = field(default=())


def _letters(options: dict[str, str]) -> Forms:
    def forms(letter: str) -> list[Form]:
        text = options[letter]
        return [
            Form(letter),
            Form(f"({letter})"),
            Form(f"{letter})"),
            Form(f"{letter}."),
            Form(f"**{letter}**", "bold"),
            Form(f"**({letter})**", "bold"),
            Form(f"*{letter}*", "bold"),
            Form(f"`{letter}`", "bold"),
            Form(f"[{letter}]", "bold"),
            Form(f'"{letter}"', "bold"),
            Form(f"（{letter}）"),
            Form(f"({letter.lower()})"),
            Form(f"${letter}$", "maths"),
            Form(f"$\\text{{{letter}}}$", "maths"),
            Form(f"\\textbf{{({letter})}}", "maths"),
            Form(f"\\({letter}\\)", "maths"),
            Form(f"({letter}) {text}", "words"),
            Form(f"{letter}) {text}", "words"),
            Form(f"{letter}. {text}", "words"),
            Form(f"{letter}: {text}", "words"),
            Form(f"{letter} - {text}", "words"),
            Form(f"**{letter}) {text}**", "bold"),
            Form(f"{letter} ({text})", "words"),
            Form(f"option {letter}", "words"),
            Form(f"Option ({letter})", "words"),
            Form(f"{letter} because nothing else fits", "words"),
            Form(f"({letter}), since the text says so", "words"),
            Form(text, "words"),
            Form(f"the {text}", "words"),
            Form(f"{text} ({letter})", "words"),
        ]

    return forms


def _reversed(letter: str) -> list[Form]:
    return [Form(letter), Form(f"({letter})"), Form(f"**{letter}**", "bold")]


def _choice(benchmark: str, row: Row, options: dict[str, str], right: str, wrong: str) -> Speaker:
    return Speaker(
        benchmark,
        row,
        right,
        wrong,
        _letters(options),
        marks=MARKS + CHOICE_MARKS,
        hedges=(*HEDGES, "Answer: @ and ~", "Answer: @, ~", "Answer: (@) or (~)", "(@) or (~) is the correct answer."),
        changes=(*CHANGES, "Answer: not (~), so (@)", "(~) is correct? No, (@) is correct."),
        more=((REVERSED_MARKS, _reversed),),
    )


def _number(value: str) -> list[Form]:
    grouped = f"{int(value):,}"
    forms = [
        Form(value),
        Form(f"{value}.0"),
        Form(f"${value}"),
        Form(f"\\${value}", "maths"),
        Form(f"${value}$", "maths"),
        Form(f"\\({value}\\)", "maths"),
        Form(f"${value}.00"),
        Form(f"**{value}**", "bold"),
        Form(f"**{value} apples**", "bold"),
        Form(f"`{value}`", "bold"),
        Form(f"{value} apples", "words"),
        Form(f"{value} apples in total", "words"),
        Form(f"{value} apples for 6 children", "words"),
        Form(f"{value} (20 of them are green)", "words"),
        Form(f"{value} ({int(value) - 2} plus 2)", "words"),
        Form(f"{int(value) - 2} + 2 = {value}", "words"),
        Form(f"{int(value) - 2} + 2 = **{value}**", "bold"),
        Form(f"x = {value}", "words"),
        Form(f"= {value}", "words"),
        Form(f"exactly {value}", "words"),
        Form(f"about {value}", "words"),
        Form(f"€{value}"),
        Form(f"Rs.{value}"),
        Form(f"Rs. {value}"),
        Form(f"{value} USD"),
        Form(f"USD {value}"),
        Form(f"{value}%"),
        Form(f"\\text{{{value}}}", "maths"),
        Form(f"{value}个"),
    ]
    if grouped != value:
        forms += [Form(grouped), Form(f"${grouped}.00"), Form(f"Rs.{grouped}"), Form(grouped.replace(",", " ")), Form(f"**{grouped}** apples", "bold")]
        forms += [Form(f"${grouped.replace(',', '{,}')}$", "maths"), Form(f"${grouped.replace(',', chr(92) + ',')}$", "maths")]
        forms.append(Form(grouped.replace(",", "\u202f")))
    return forms


_NUMBER_HEDGES = (*(hedge for hedge in HEDGES if " / " not in hedge), "Answer: between @ and ~", "Answer: @ apples or ~ apples", "Answer: @ to ~", "Answer: @ (or ~)")


def _word(value: str) -> list[Form]:
    forms = [
        Form(value),
        Form(value.upper()),
        Form(value.lower()),
        Form(f"**{value}**", "bold"),
        Form(f"*{value}*", "bold"),
        Form(f"`{value}`", "bold"),
        Form(f'"{value}"', "bold"),
        Form(f"({value})"),
        Form(f"${value}$", "maths"),
        Form(f"\\text{{{value}}}", "maths"),
        Form(f"$\\text{{{value}}}$", "maths"),
        Form(f"{value}, because the steps cancel out", "words"),
        Form(f"{value} (see above)", "words"),
        Form(f"{value}!"),
        Form(f"clearly {value}", "words"),
    ]
    chinese = {"Yes": "是", "No": "否", "True": "真", "False": "假", "valid": "有效", "invalid": "无效"}[value]
    return [*forms, Form(chinese), Form(f"“{chinese}”", "bold")]


def _span(value: str) -> list[Form]:
    return [
        Form(value),
        Form(f"the {value}", "words"),
        Form(f'"{value}"', "bold"),
        Form(f"'{value}'", "bold"),
        Form(f"“{value}”", "bold"),
        Form(f"**{value}**", "bold"),
        Form(f"*{value}*", "bold"),
        Form(f"`{value}`", "bold"),
        Form(f"\\text{{{value}}}", "maths"),
        Form(f"$\\text{{{value}}}$", "maths"),
        Form(json.dumps([value]), "code"),
        Form(f"['{value}']", "code"),
        Form(f"{value} (as the passage says)", "words"),
        Form(f"{value}, because the passage says so", "words"),
    ]


def _list(value: str) -> list[Form]:
    parts = value.split(", ")
    return [
        Form(json.dumps(parts), "code"),
        Form(str(parts), "code"),
        Form(json.dumps(parts) + ".", "code"),
        Form(f"`{json.dumps(parts)}`", "code"),
        Form(f"**{json.dumps(parts)}**", "code"),
        Form(json.dumps(parts, indent=1), "block"),
        Form(f"```json\n{json.dumps(parts)}\n```", "block"),
        Form("\n".join(f"- {part}" for part in parts), "block"),
        Form("\n".join(f"{number}. {part}" for number, part in enumerate(parts, 1)), "block"),
        Form(", ".join(parts), "words"),
        Form(" and ".join(parts), "words"),
        Form(" and ".join(f"**{part}**" for part in parts), "bold"),
        Form(f"({', '.join(map(repr, parts))})", "code"),
    ]


def _fraction(value: str) -> list[Form]:
    top, _, under = value.partition("/")
    latex = f"\\frac{{{top}}}{{{under}}}"
    decimal = str(int(top) / int(under))
    return [
        Form(f"${latex}$", "maths"),
        Form(latex, "bare maths"),
        Form(f"\\dfrac{{{top}}}{{{under}}}", "bare maths"),
        Form(f"\\frac{top}{under}", "bare maths"),
        Form(value),
        Form(decimal),
        Form(f"x = {latex}", "bare maths"),
        Form(f"$x = {latex}$", "maths"),
        Form(f"\\({latex}\\)", "maths"),
        Form(f"**${latex}$**", "bold"),
        Form(f"$\\displaystyle {latex}$", "maths"),
        Form(f"${latex}$, since both sides agree", "words"),
        Form(f"\\left.{latex}\\right.", "bare maths") if False else Form(f"{{{latex}}}", "bare maths"),
    ]


def _pair(value: str) -> list[Form]:
    one, two = value.split(", ")
    return [
        Form(value),
        Form(f"${one}, {two}$", "maths"),
        Form(f"${one}$ and ${two}$", "words"),
        Form(f"${two}$ or ${one}$", "words"),
        Form(f"$x = {one}$ and $x = {two}$", "words"),
        Form(f"{one} and {two}", "words"),
    ]


_PAIR_MARKS = (
    *(mark for mark in MARKS if "boxed" not in mark.template),
    Mark("\\boxed{{}}", without=("words", "maths")),
)


def _call(value: str) -> list[Form]:
    return [
        Form(value),
        Form(f"`{value}`", "bold"),
        Form(f"assert {value} == [1, 3]", "code"),
        Form(f"assert [1, 3] == {value}", "code"),
        Form(f"`assert {value} == [1, 3]`", "code"),
        Form(f"```python\nassert {value} == [1, 3]\n```", "block"),
        Form(f"```\n{value}\n```", "block"),
        Form(f"{value} == [1, 3]", "code"),
        Form(f"{value}, which gives [1, 3]", "words"),
    ]


def _value(value: str) -> list[Form]:
    return [
        Form(value),
        Form(f"`{value}`", "bold"),
        Form(f"**{value}**", "bold"),
        Form(f"assert f([3, 1, 3]) == {value}", "code"),
        Form(f"assert {value} == f([3, 1, 3])", "code"),
        Form(f"`assert f([3, 1, 3]) == {value}`", "code"),
        Form(f"```python\nassert f([3, 1, 3]) == {value}\n```", "block"),
        Form(f"```\n{value}\n```", "block"),
        Form(f"f([3, 1, 3]) == {value}", "code"),
        Form(f"{value}, because sets drop what is there twice", "words"),
    ]


_CODE_MARKS = (
    Mark("[ANSWER]{}[/ANSWER]"),
    Mark("[ANSWER]\n{}\n[/ANSWER]"),
    Mark("[ANSWER] {}"),
    Mark("So:\n\n[ANSWER]\n{}\n[/ANSWER]\n\nThis holds."),
    Mark("Answer: [ANSWER]{}[/ANSWER]"),
    *(mark for mark in MARKS if "boxed" not in mark.template and "fbox" not in mark.template and "json" not in mark.template),
)
_CODE_CHANGES = (
    "[ANSWER]~[/ANSWER]\n\nWait, that misses the second loop.\n\n[ANSWER]@[/ANSWER]",
    "Answer: ~\n\nWait, that misses the second loop.\n\n[ANSWER]\n@\n[/ANSWER]",
    "The answer is ~.\n\nThat was too quick.\n\nAnswer: @",
)
_CODE_HEDGES = ("[ANSWER]@ or ~[/ANSWER]", "Answer: @ or ~", "[ANSWER]\n@ or ~\n[/ANSWER]", "The answer is `@` or `~`.")
_CODE_LEADS = tuple(lead for lead in LEADS if "boxed" not in lead and "####" not in lead)


def _json(key: str) -> Forms:
    def forms(value: str) -> list[Form]:
        plain = f'{{"{key}": {value}}}'
        python = f"{{'{key}': {value}}}".replace("true", "True").replace("false", "False").replace("null", "None")
        return [
            Form(plain),
            Form(f"```json\n{plain}\n```"),
            Form(f"```\n{plain}\n```"),
            Form(f"```python\n{python}\n```"),
            Form(python),
            Form(f"`{plain}`"),
            Form(f"**{plain}**"),
            Form(f'{{\n  "{key}": {value}\n}}'),
            Form(f'{{\n  "{key}": {value},\n}}'),
            Form(f'{{\n  "{key}": {value}  // as shown\n}}'),
            Form(f'{{"reasoning": "see above", "{key}": {value}}}'),
            Form(f'{{"{key}":{value}}}'),
            Form(plain + "."),
            Form("$\\boxed{" + plain.replace("{", "\\{", 1)[:-1] + "\\}}$"),
            Form("\\boxed{" + plain + "}"),
        ]

    return forms


_JSON_MARKS = (
    Mark("{}"),
    Mark("So the final answer is:\n{}"),
    Mark("**Final answer:**\n\n{}"),
    Mark("Answer: {}"),
    Mark("The output is {}"),
    Mark("### Output\n\n{}"),
    Mark("Thus, the output in the wanted format:\n\n{}"),
    Mark("因此，输出为：\n{}", "zh"),
    Mark("最终答案：{}", "zh"),
    Mark("答案是{}", "zh"),
)


def _json_leads(key: str) -> tuple[str, ...]:
    return (
        "",
        "Let's go through the code. A set {3, 1} is built first.\n",
        f'A first draft:\n```json\n{{"{key}": ~}}\n```\nThat forgets the last step.\n\n',
        f'At first I had {{"{key}": ~}}, which is wrong.\n',
        f'<think>{{"{key}": ~}}</think>\n',
        'The format is {"<key>": <value>}.\n',
        "让我们一步一步地思考。\n",
    )


_JSON_TAILS = ("", "\n", "\n\nThis follows from the code above.", " (checked twice)", "\n\n---\n")


def _grid(names: str) -> list[Form]:
    one, two = names.split("/")
    houses = {"House 1": {"Name": one, "Drink": "milk"}, "House 2": {"Name": two, "Drink": "tea"}}
    solution = json.dumps({"solution": houses})
    return [
        Form(solution),
        Form(json.dumps({"solution": houses}, indent=2)),
        Form(f"```json\n{json.dumps({'solution': houses}, indent=4)}\n```"),
        Form(f"```\n{solution}\n```"),
        Form(json.dumps({"reasoning": "see above", "solution": houses})),
        Form(str({"solution": houses})),
        Form(json.dumps({"solution": {house: {key: value.lower() for key, value in row.items()} for house, row in houses.items()}})),
        Form(f"**Solution**\n\n{solution}"),
    ]


def _bracketed(value: str) -> list[Form]:
    return [
        Form(f"[[{value}]]"),
        Form(f"**[[{value}]]**"),
        Form(f"[[ {value} ]]"),
        Form(f"$[[{value}]]$"),
        Form(f"`[[{value}]]`"),
        Form(f"[[{value}]] (as the rule says)"),
        Form(f"\n\n[[{value}]]\n"),
        Form(f"[[\n{value}\n]]"),
    ]


_BRACKET_LEADS = ("", "Let's think step by step.\n", "First I must see what the answer is.\n", "**Step 1:** apply the rule.\n\n", "一步一步来。\n")
_BRACKET_MARKS = (
    *(mark for mark in MARKS if "boxed" not in mark.template and "json" not in mark.template and "fbox" not in mark.template),
)


def _livebench(task: str, gold: str, right: str, wrong: str, templates: Sequence[str], question: str = "?", **row: str) -> Speaker:
    return Speaker(
        "livebench",
        {"question_id": "made-up", "category": "made-up", "task": task, "turns": [question], "ground_truth": gold, **row},
        right,
        wrong,
        lambda value: [Form(template.replace("@", value)) for template in templates],
        marks=(Mark("{}"), Mark("The result is this.\n\n{}"), Mark("So:\n{}")),
        hedges=(),
        refusals=(),
        changes=(),
        leads=("", "Let me look at each sentence in turn.\n\n", "<think>~</think>\n", "First, some thoughts.\n"),
        tails=BLANKS,
    )


def _livebench_speakers() -> list[Speaker]:
    bold = ("**@**", "The answer is **@**.", "**Step one.** Cut.\n**Step two.** Count.\n\n**@**")
    boxed = ("$\\boxed{@}$", "**Step 1:** cut.\n**Step 2:** count.\n\nIt is $\\boxed{@}$.", "\\boxed{\\text{@}}", "\\boxed{\\mathbf{@}}")
    contest = "What? $\\textbf{(A) } 110 \\qquad \\textbf{(B) } 130 \\qquad \\textbf{(C) } 170$"
    mapping = ("@", "```json\n@\n```", "```python\n@\n```", "```\n@\n```", "<solution>@</solution>", "\\boxed{@}")
    expression = ("$\\boxed{@}$", "\\[\n\\boxed{@}\n\\]", "$\\boxed{\\displaystyle @}$", "Thus $f(x) = @$", "$$y = @$$", "\\boxed{@ + C}")
    words = ("<solution>@</solution>", "**@**", "The answer is **@**.", "\\boxed{@}", "I conclude: @", "**@**.")
    three = [
        _livebench("web_of_lies_v2", "yes, no, unknown", "yes, no, unknown", "no, no, yes", words),
        _livebench("web_of_lies_v2", "no, yes, yes", "no, yes, yes", "no, no, yes", words),
    ]
    return [
        *three,
        _livebench("spatial", "4", "4", "7", (*bold, *boxed)),
        _livebench("spatial", "4", "four", "seven", bold),
        _livebench("spatial", "triangle", "triangle", "circle", (*bold, *boxed, "**a right triangle**".replace("triangle", "@"))),
        _livebench("zebra_puzzle", "Leo", "Leo", "Ida", ("***@***", "It is ***@***.", "The last one is @", "The last one is @.")),
        _livebench("zebra_puzzle", "three", "3", "5", ("***@***", "The house has number @")),
        _livebench("tablejoin", "{'a': 'x', 'b': 'y'}", '{"a": "x", "b": "y", "c": null}', '{"a": "y"}', mapping[1:5]),
        _livebench("tablejoin", "{'a': 'x', 'b': 'y'}", "{'a': 'x', 'b': 'y'}", "{'a': 'y'}", mapping[1:]),
        _livebench("cta", "Country Name", "Country-Name", "City", ("@", "**@**", "The class is @", "\\boxed{@}", "\\boxed{\\text{@}}")),
        _livebench("typos", "The cat sat here.", "The cat sat here.", "Teh cat sat here.", ("@", "<solution>@</solution>", "> @", "Here: --- @ --- done")),
        _livebench("math_comp", "C", "C", "B", ("@@@@@", "<solution>@@@@@</solution>", "\\boxed{@}", "**@**", "(@)"), contest, subtask="amc_12a"),
        _livebench("math_comp", "C", "170", "130", ("the sum is $@$", "It is @."), contest, subtask="amc_12a"),
        _livebench("math_comp", "144", "144", "153", ("@", "**@**", "The sum is \\boxed{@}", "<solution>@</solution>"), subtask="aime_i_2024"),
        _livebench("olympiad", "3,1,2", "3,1,2", "9,8,7", ("Answer: @", "**Answer:** @", "answer: \\boxed{@}", "\\boxed{@}", "@"), subtask="imo_2023"),
        _livebench("AMPS_Hard", "5 (-x-20) x", "-5x(x+20)", "5x(x+20)", expression, subtask="amps_hard_algebra"),
        _livebench("AMPS_Hard", "\\frac{1}{2} x^2", "\\dfrac{x^2}{2}", "\\dfrac{x^2}{3}", expression, subtask="amps_hard_integral"),
        _livebench("AMPS_Hard", "\\log (x)+1", "1 + \\ln(x)", "\\ln(x) - 1", expression[:4], subtask="amps_hard_integral"),
        _livebench("connections", "a, b, c, d, e, f, g, h", "e, f, g, h, d, c, b, a", "a, b, e, f, c, d, g, h", ("**@**", "Groups:\n**@**", "So **@**.")),
        _livebench("plot_unscrambling", "The ship sails. A storm hits. All swim.", "The ship sails. A storm hits. All swim.", "All swim. The ship sails. A storm hits.", ("<PLOT_SUMMARY>@</PLOT_SUMMARY>", "<PLOT_SUMMARY>\n@")),
    ]


def speakers() -> list[Speaker]:
    """The items of every benchmark."""
    tent = {"A": "tent", "B": "boat"}
    people = {"A": "Nora", "B": "Ben"}
    elements = {"A": "iron", "B": "oxygen", "C": "neon", "D": "zinc"}
    numbers = {"A": "21", "B": "23", "C": "25", "D": "27"}
    colours = {"A": "red book", "B": "blue book", "C": "green book"}
    books = "Three books stand in a row.\nOptions:\n(A) red book\n(B) blue book\n(C) green book"
    passage = "In May the cup went to the Gulls and the Herons, who scored 42 points. In June it went to the Owls and the Larks."
    no_date = {"day": "", "month": "", "year": ""}
    empty: Row = {"number": [], "date": [], "spans": []}

    def drop(answer: Row, right: str, wrong: str, forms: Forms, hedges: tuple[str, ...]) -> Speaker:
        row = {"passage": passage, "question": "?", "answer": {"number": "", "date": no_date, "spans": []} | answer, "validated_answers": empty}
        return Speaker("drop", row, right, wrong, forms, hedges=hedges)

    def gpqa(identity: str) -> Row:
        wrong = {f"Incorrect Answer {number}": f"a made-up answer {number}" for number in (1, 2, 3)}
        return {"Record ID": identity, "Question": "?", "Correct Answer": "the right made-up one"} | wrong

    from eval.scorers.gpqa import ordered

    choices, gold = ordered(gpqa("made-up-1"))
    made_up = dict(zip("ABCD", choices))
    other = "ABCD"["ABCD".index(gold) - 1]
    latex = {"level": "Level 1", "type": "Algebra", "problem": "?"}
    sorter = {"code": "def f(nums):\n    return sorted(set(nums))", "input": "[3, 1, 3]", "output": "[1, 3]"}
    kor = {"rule_id": "1", "idx": "1", "rule": "?", "question": "?"}
    held_out = {"function_id": "f", "code": "def main_solution(x):\n    return x * x\n", "input": '{"x": -3}', "output": "9"}
    bbh = {"task": "navigate", "input": "?"}
    zh = {"input": "If you follow these instructions, do you return to the starting point? Turn left.\nOptions:\n- Yes\n- No"}
    boxed_pairs = (
        "\\boxed{2} and \\boxed{3}",
        "$\\boxed{2}$, $\\boxed{3}$",
        "$x = \\boxed{2}$ or $x = \\boxed{3}$",
    )
    unclosed = (Mark("$\\boxed{\\frac{3}{4}$", last=True), Mark("$\\boxed \\frac{3}{4}$", last=True), Mark("\\boxed{\\frac{3}{4}", last=True))
    return [
        _choice("winogrande", {"sentence": "The _ leaks.", "option1": "tent", "option2": "boat", "answer": "2"}, tent, "B", "A"),
        _choice("winogrande", {"sentence": "_ walks.", "option1": "Nora", "option2": "Ben", "answer": "1"}, people, "A", "B"),
        drop({"number": "42"}, "42", "17", lambda value: [form for form in _span(value) if "the" not in form.text], _NUMBER_HEDGES[:21]),
        drop({"spans": ["Owls"]}, "Owls", "Herons", _span, HEDGES),
        drop({"spans": ["Gulls", "Herons"]}, "Gulls, Herons", "Owls, Larks", _list, ()),
        Speaker("gsm8k", {"question": "?", "answer": "#### 18"}, "18", "24", _number, hedges=_NUMBER_HEDGES),
        Speaker("gsm8k", {"question": "?", "answer": "#### 1,050"}, "1050", "1250", _number, hedges=_NUMBER_HEDGES),
        Speaker("math", latex | {"solution": "\\boxed{\\frac{3}{4}}"}, "3/4", "5/8", _fraction, hedges=_NUMBER_HEDGES[:21], more=((unclosed, lambda value: [Form("")]),)),
        Speaker("math", latex | {"solution": "\\boxed{2, 3}"}, "2, 3", "4, 7", _pair, marks=_PAIR_MARKS, hedges=(), more=((tuple(Mark(text, last=True) for text in boxed_pairs), lambda value: [Form("")]),)),
        Speaker("math", latex | {"solution": "\\boxed{18}"}, "18", "24", lambda value: [form for form in _number(value) if form.kind in ("", "maths", "bold") and not set("€R%个Sapl") & set(form.text.replace("\\text", ""))], hedges=_NUMBER_HEDGES[:21]),
        _choice("gpqa", gpqa("made-up-1"), made_up, gold, other),
        _choice("mmlu_stem", {"question": "?", "choices": list(elements.values()), "answer": 2}, elements, "C", "A"),
        _choice("mmlu_stem", {"question": "?", "choices": list(numbers.values()), "answer": 1}, numbers, "B", "D"),
        _choice("mmlu_stem", {"question": "?", "choices": list(elements.values()), "answer": 0}, elements, "A", "D"),
        Speaker("leetcode_o", {"problem_id": "p", "answer": [1, 3]}, "[1, 3]", "[3, 1]", _json("output"), _JSON_MARKS, (), (), (), _json_leads("output"), _JSON_TAILS),
        Speaker("leetcode_o", {"problem_id": "p", "answer": True}, "true", "false", _json("output"), _JSON_MARKS, (), (), (), _json_leads("output"), _JSON_TAILS),
        Speaker("leetcode_o", {"problem_id": "p", "answer": "a,b"}, '"a,b"', '"b"', _json("output"), _JSON_MARKS, (), (), (), _json_leads("output"), _JSON_TAILS),
        Speaker("cruxeval_i", sorter, "f([1, 3])", "f([2, 4])", _call, _CODE_MARKS, _CODE_HEDGES, REFUSALS, _CODE_CHANGES, _CODE_LEADS),
        Speaker("cruxeval_o", sorter, "[1, 3]", "[3, 1]", _value, _CODE_MARKS, _CODE_HEDGES, REFUSALS, _CODE_CHANGES, _CODE_LEADS),
        _choice("bbh_en", bbh | {"target": "(B)", "input": books}, colours, "B", "C"),
        Speaker("bbh_en", bbh | {"target": "Yes"}, "Yes", "No", _word),
        Speaker("bbh_en", bbh | {"target": "False"}, "False", "True", _word),
        Speaker("bbh_en", bbh | {"target": "invalid"}, "invalid", "valid", _word),
        Speaker("bbh_en", bbh | {"target": "18"}, "18", "24", _number, hedges=_NUMBER_HEDGES),
        Speaker("bbh_zh", bbh | zh | {"target": "No"}, "No", "Yes", _word),
        Speaker("bbh_zh", bbh | {"task": "boolean_expressions", "input": "True and True is", "target": "True"}, "True", "False", _word),
        Speaker("bbh_zh", bbh | {"task": "object_counting", "input": "I have a bed. How many objects do I have?", "target": "18"}, "18", "24", _number, hedges=_NUMBER_HEDGES),
        *(
            Speaker("zebralogic", row, right, wrong, _grid, _JSON_MARKS, (), (), (), _GRID_LEADS, _JSON_TAILS)
            for row, right, wrong in _puzzles()
        ),
        Speaker("korbench", kor | {"kind": "operation", "answer": "[[24]]"}, "24", "36", _bracketed, _BRACKET_MARKS, (), (), (), _BRACKET_LEADS, BLANKS),
        Speaker("korbench", kor | {"kind": "counterfactual", "answer": "[[B]]"}, "B", "A", _bracketed, _BRACKET_MARKS, (), (), (), _BRACKET_LEADS, BLANKS),
        *_livebench_speakers(),
        Speaker("codeio", held_out | {"task": "output"}, "9", "6", _json("output"), _JSON_MARKS, (), (), (), _json_leads("output"), _JSON_TAILS),
        Speaker("codeio", held_out | {"task": "input"}, '{"x": 3}', '{"x": 2}', _json("input"), _JSON_MARKS, (), (), (), _json_leads("input"), _JSON_TAILS),
    ]


def _puzzles() -> list[tuple[Row, str, str]]:
    names = (("Ida", "Leo"), ("Peter", "Arnold"), ("Eve", "Bo-Yan"))
    found = []
    for number, (one, two) in enumerate(names):
        rows = [["1", one, "milk"], ["2", two, "tea"]]
        solution = {"header": ["House", "Name", "Drink"], "rows": rows}
        row = {"id": str(number), "size": "2*2", "puzzle": "?", "solution": solution}
        found.append((row, f"{one}/{two}", f"{two}/{one}"))
    return found


_GRID_LEADS = (
    "",
    "At first I had {\"solution\": {\"House 1\": {\"Name\": \"?\"}}}, which is not complete.\n",
    "Ida is in the first house.\n\n",
    "The clues say that {1, 2} are the houses.\n",
    '<think>{"solution": {"House 1": {"Name": "~"}}}</think>\n',
    "让我们一步一步地思考。\n",
)
