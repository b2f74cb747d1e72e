"""Writes answers in the forms of their kind, and lists the marks, leads and hedges that are special to a kind."""

import json
from collections.abc import Callable, Sequence

from eval.endings.grammar import HEDGES, LEADS, MARKS, Form, Mark

Forms = Callable[[str], Sequence[Form]]


def letter_forms(options: dict[str, str]) -> Forms:
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


def bare_letter_forms(letter: str) -> list[Form]:
    return [Form(letter), Form(f"({letter})"), Form(f"**{letter}**", "bold")]


def number_forms(value: str) -> list[Form]:
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
        forms += [
            Form(grouped),
            Form(f"${grouped}.00"),
            Form(f"Rs.{grouped}"),
            Form(grouped.replace(",", " ")),
            Form(f"**{grouped}** apples", "bold"),
        ]
        forms += [
            Form(f"${grouped.replace(',', '{,}')}$", "maths"),
            Form(f"${grouped.replace(',', chr(92) + ',')}$", "maths"),
        ]
        forms.append(Form(grouped.replace(",", "\u202f")))
    return forms


NUMBER_HEDGES = (
    *(hedge for hedge in HEDGES if " / " not in hedge),
    "Answer: between @ and ~",
    "Answer: @ apples or ~ apples",
    "Answer: @ to ~",
    "Answer: @ (or ~)",
)


def word_forms(value: str) -> list[Form]:
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


def span_forms(value: str) -> list[Form]:
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


def list_forms(value: str) -> list[Form]:
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


def fraction_forms(value: str) -> list[Form]:
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


def pair_forms(value: str) -> list[Form]:
    one, two = value.split(", ")
    return [
        Form(value),
        Form(f"${one}, {two}$", "maths"),
        Form(f"${one}$ and ${two}$", "words"),
        Form(f"${two}$ or ${one}$", "words"),
        Form(f"$x = {one}$ and $x = {two}$", "words"),
        Form(f"{one} and {two}", "words"),
    ]


PAIR_MARKS = (
    *(mark for mark in MARKS if "boxed" not in mark.template),
    Mark("\\boxed{{}}", without=("words", "maths")),
)


def call_forms(value: str) -> list[Form]:
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


def value_forms(value: str) -> list[Form]:
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


CODE_MARKS = (
    Mark("[ANSWER]{}[/ANSWER]"),
    Mark("[ANSWER]\n{}\n[/ANSWER]"),
    Mark("[ANSWER] {}"),
    Mark("So:\n\n[ANSWER]\n{}\n[/ANSWER]\n\nThis holds."),
    Mark("Answer: [ANSWER]{}[/ANSWER]"),
    *(
        mark
        for mark in MARKS
        if "boxed" not in mark.template and "fbox" not in mark.template and "json" not in mark.template
    ),
)
CODE_CHANGES = (
    "[ANSWER]~[/ANSWER]\n\nWait, that misses the second loop.\n\n[ANSWER]@[/ANSWER]",
    "Answer: ~\n\nWait, that misses the second loop.\n\n[ANSWER]\n@\n[/ANSWER]",
    "The answer is ~.\n\nThat was too quick.\n\nAnswer: @",
)
CODE_HEDGES = ("[ANSWER]@ or ~[/ANSWER]", "Answer: @ or ~", "[ANSWER]\n@ or ~\n[/ANSWER]", "The answer is `@` or `~`.")
CODE_LEADS = tuple(lead for lead in LEADS if "boxed" not in lead and "####" not in lead)


def object_forms(key: str) -> Forms:
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


OBJECT_MARKS = (
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


def object_leads(key: str) -> tuple[str, ...]:
    return (
        "",
        "Let's go through the code. A set {3, 1} is built first.\n",
        f'A first draft:\n```json\n{{"{key}": ~}}\n```\nThat forgets the last step.\n\n',
        f'At first I had {{"{key}": ~}}, which is wrong.\n',
        f'<think>{{"{key}": ~}}</think>\n',
        'The format is {"<key>": <value>}.\n',
        "让我们一步一步地思考。\n",
    )


OBJECT_TAILS = ("", "\n", "\n\nThis follows from the code above.", " (checked twice)", "\n\n---\n")


def grid_forms(names: str) -> list[Form]:
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
        Form(
            json.dumps(
                {
                    "solution": {
                        house: {key: value.lower() for key, value in row.items()} for house, row in houses.items()
                    }
                }
            )
        ),
        Form(f"**Solution**\n\n{solution}"),
    ]


def unbracketed_forms(value: str) -> list[Form]:
    """Answers to a question that asks for double brackets, without them: KOR-Bench's own rule reads none of them."""
    return [Form(value), Form(f"**{value}**", "bold"), Form(f"`{value}`", "bold"), Form(f"${value}$", "maths")]


def bracketed_forms(value: str) -> list[Form]:
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


BRACKET_LEADS = (
    "",
    "Let's think step by step.\n",
    "First I must see what the answer is.\n",
    "**Step 1:** apply the rule.\n\n",
    "一步一步来。\n",
)
BRACKET_MARKS = (
    *(
        mark
        for mark in MARKS
        if "boxed" not in mark.template and "json" not in mark.template and "fbox" not in mark.template
    ),
)
