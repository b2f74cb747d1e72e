"""Lists the items that the grammar's endings answer: for each benchmark `Speaker`s with a made-up row and how it is answered.

A speaker gives for one item a right and a wrong answer, each in all forms of its kind. Where a benchmark's own code decides how
a response is read (KOR-Bench, LiveBench, ZebraLogic), its speaker writes what that code asks for.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from eval.endings.forms import (
    BRACKET_LEADS,
    BRACKET_MARKS,
    CODE_CHANGES,
    CODE_HEDGES,
    CODE_LEADS,
    CODE_MARKS,
    NUMBER_HEDGES,
    OBJECT_MARKS,
    OBJECT_TAILS,
    PAIR_MARKS,
    Forms,
    bare_letter_forms,
    bracketed_forms,
    call_forms,
    fraction_forms,
    grid_forms,
    letter_forms,
    list_forms,
    number_forms,
    object_forms,
    object_leads,
    pair_forms,
    span_forms,
    unbracketed_forms,
    value_forms,
    word_forms,
)
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


def _choice(benchmark: str, row: Row, options: dict[str, str], right: str, wrong: str) -> Speaker:
    return Speaker(
        benchmark,
        row,
        right,
        wrong,
        letter_forms(options),
        marks=MARKS + CHOICE_MARKS,
        hedges=(*HEDGES, "Answer: @ and ~", "Answer: @, ~", "Answer: (@) or (~)", "(@) or (~) is the correct answer."),
        changes=(*CHANGES, "Answer: not (~), so (@)", "(~) is correct? No, (@) is correct."),
        more=((REVERSED_MARKS, bare_letter_forms),),
    )


def _livebench(
    task: str, gold: str, right: str, wrong: str, templates: Sequence[str], question: str = "?", **row: str
) -> Speaker:
    return Speaker(
        "livebench",
        {
            "question_id": "made-up",
            "category": "made-up",
            "task": task,
            "turns": [question],
            "ground_truth": gold,
            **row,
        },
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
    boxed = (
        "$\\boxed{@}$",
        "**Step 1:** cut.\n**Step 2:** count.\n\nIt is $\\boxed{@}$.",
        "\\boxed{\\text{@}}",
        "\\boxed{\\mathbf{@}}",
    )
    contest = "What? $\\textbf{(A) } 110 \\qquad \\textbf{(B) } 130 \\qquad \\textbf{(C) } 170$"
    mapping = ("@", "```json\n@\n```", "```python\n@\n```", "```\n@\n```", "<solution>@</solution>", "\\boxed{@}")
    expression = (
        "$\\boxed{@}$",
        "\\[\n\\boxed{@}\n\\]",
        "$\\boxed{\\displaystyle @}$",
        "Thus $f(x) = @$",
        "$$y = @$$",
        "\\boxed{@ + C}",
    )
    words = ("<solution>@</solution>", "**@**", "The answer is **@**.", "\\boxed{@}", "I conclude: @", "**@**.")
    three = [
        _livebench("web_of_lies_v2", "yes, no, unknown", "yes, no, unknown", "no, no, yes", words),
        _livebench("web_of_lies_v2", "no, yes, yes", "no, yes, yes", "no, no, yes", words),
    ]
    return [
        *three,
        _livebench("spatial", "4", "4", "7", (*bold, *boxed)),
        _livebench("spatial", "4", "four", "seven", bold),
        _livebench(
            "spatial",
            "triangle",
            "triangle",
            "circle",
            (*bold, *boxed, "**a right triangle**".replace("triangle", "@")),
        ),
        _livebench(
            "zebra_puzzle",
            "Leo",
            "Leo",
            "Ida",
            ("***@***", "It is ***@***.", "The last one is @", "The last one is @."),
        ),
        _livebench("zebra_puzzle", "three", "3", "5", ("***@***", "The house has number @")),
        _livebench("tablejoin", "{'a': 'x', 'b': 'y'}", '{"a": "x", "b": "y", "c": null}', '{"a": "y"}', mapping[1:5]),
        _livebench("tablejoin", "{'a': 'x', 'b': 'y'}", "{'a': 'x', 'b': 'y'}", "{'a': 'y'}", mapping[1:]),
        _livebench(
            "cta",
            "Country Name",
            "Country-Name",
            "City",
            ("@", "**@**", "The class is @", "\\boxed{@}", "\\boxed{\\text{@}}"),
        ),
        _livebench(
            "typos",
            "The cat sat here.",
            "The cat sat here.",
            "Teh cat sat here.",
            ("@", "<solution>@</solution>", "> @", "Here: --- @ --- done"),
        ),
        _livebench(
            "math_comp",
            "C",
            "C",
            "B",
            ("@@@@@", "<solution>@@@@@</solution>", "\\boxed{@}", "**@**", "(@)"),
            contest,
            subtask="amc_12a",
        ),
        _livebench("math_comp", "C", "170", "130", ("the sum is $@$", "It is @."), contest, subtask="amc_12a"),
        _livebench(
            "math_comp",
            "144",
            "144",
            "153",
            ("@", "**@**", "The sum is \\boxed{@}", "<solution>@</solution>"),
            subtask="aime_i_2024",
        ),
        _livebench(
            "olympiad",
            "3,1,2",
            "3,1,2",
            "9,8,7",
            ("Answer: @", "**Answer:** @", "answer: \\boxed{@}", "\\boxed{@}", "@"),
            subtask="imo_2023",
        ),
        _livebench("AMPS_Hard", "5 (-x-20) x", "-5x(x+20)", "5x(x+20)", expression, subtask="amps_hard_algebra"),
        _livebench(
            "AMPS_Hard",
            "\\frac{1}{2} x^2",
            "\\dfrac{x^2}{2}",
            "\\dfrac{x^2}{3}",
            expression,
            subtask="amps_hard_integral",
        ),
        _livebench(
            "AMPS_Hard", "\\log (x)+1", "1 + \\ln(x)", "\\ln(x) - 1", expression[:4], subtask="amps_hard_integral"
        ),
        _livebench(
            "connections",
            "a, b, c, d, e, f, g, h",
            "e, f, g, h, d, c, b, a",
            "a, b, e, f, c, d, g, h",
            ("**@**", "Groups:\n**@**", "So **@**."),
        ),
        _livebench(
            "plot_unscrambling",
            "The ship sails. A storm hits. All swim.",
            "The ship sails. A storm hits. All swim.",
            "All swim. The ship sails. A storm hits.",
            ("<PLOT_SUMMARY>@</PLOT_SUMMARY>", "<PLOT_SUMMARY>\n@"),
        ),
    ]


def speakers() -> list[Speaker]:
    """The items of every benchmark."""
    tent = {"A": "tent", "B": "boat"}
    people = {"A": "Nora", "B": "Ben"}
    elements = {"A": "iron", "B": "oxygen", "C": "neon", "D": "zinc"}
    numbers = {"A": "21", "B": "23", "C": "25", "D": "27"}
    colours = {"A": "red book", "B": "blue book", "C": "green book"}
    books = "Three books stand in a row.\nOptions:\n(A) red book\n(B) blue book\n(C) green book"
    passage = "In May the Gulls and the Herons won the cup, with 42 points. In June the Owls and the Larks did."
    no_date = {"day": "", "month": "", "year": ""}
    empty: Row = {"number": [], "date": [], "spans": []}

    def drop(answer: Row, right: str, wrong: str, forms: Forms, hedges: tuple[str, ...]) -> Speaker:
        row = {
            "passage": passage,
            "question": "?",
            "answer": {"number": "", "date": no_date, "spans": []} | answer,
            "validated_answers": empty,
        }
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
    held_out = {
        "function_id": "f",
        "code": "def main_solution(x):\n    return x * x\n",
        "input": '{"x": -3}',
        "output": "9",
    }
    bbh = {"task": "navigate", "input": "?"}
    zh = {
        "input": "If you follow these instructions, do you return to the starting point? Turn left.\nOptions:\n- Yes\n- No"
    }
    boxed_pairs = (
        "\\boxed{2} and \\boxed{3}",
        "$\\boxed{2}$, $\\boxed{3}$",
        "$x = \\boxed{2}$ or $x = \\boxed{3}$",
    )
    unclosed = (
        Mark("$\\boxed{\\frac{3}{4}$", last=True),
        Mark("$\\boxed \\frac{3}{4}$", last=True),
        Mark("\\boxed{\\frac{3}{4}", last=True),
    )
    return [
        _choice(
            "winogrande",
            {"sentence": "The _ leaks.", "option1": "tent", "option2": "boat", "answer": "2"},
            tent,
            "B",
            "A",
        ),
        _choice(
            "winogrande", {"sentence": "_ walks.", "option1": "Nora", "option2": "Ben", "answer": "1"}, people, "A", "B"
        ),
        drop(
            {"number": "42"},
            "42",
            "17",
            lambda value: [form for form in span_forms(value) if "the" not in form.text],
            NUMBER_HEDGES[:21],
        ),
        drop({"spans": ["Owls"]}, "Owls", "Herons", span_forms, HEDGES),
        drop({"spans": ["Gulls", "Herons"]}, "Gulls, Herons", "Owls, Larks", list_forms, ()),
        Speaker("gsm8k", {"question": "?", "answer": "#### 18"}, "18", "24", number_forms, hedges=NUMBER_HEDGES),
        Speaker("gsm8k", {"question": "?", "answer": "#### 1,050"}, "1050", "1250", number_forms, hedges=NUMBER_HEDGES),
        Speaker(
            "math",
            latex | {"solution": "\\boxed{\\frac{3}{4}}"},
            "3/4",
            "5/8",
            fraction_forms,
            hedges=NUMBER_HEDGES[:21],
            more=((unclosed, lambda value: [Form("")]),),
        ),
        Speaker(
            "math",
            latex | {"solution": "\\boxed{2, 3}"},
            "2, 3",
            "4, 7",
            pair_forms,
            marks=PAIR_MARKS,
            hedges=(),
            more=((tuple(Mark(text, last=True) for text in boxed_pairs), lambda value: [Form("")]),),
        ),
        Speaker(
            "math",
            latex | {"solution": "\\boxed{18}"},
            "18",
            "24",
            lambda value: [
                form
                for form in number_forms(value)
                if form.kind in ("", "maths", "bold") and not set("€R%个Sapl") & set(form.text.replace("\\text", ""))
            ],
            hedges=NUMBER_HEDGES[:21],
        ),
        _choice("gpqa", gpqa("made-up-1"), made_up, gold, other),
        _choice("mmlu_stem", {"question": "?", "choices": list(elements.values()), "answer": 2}, elements, "C", "A"),
        _choice("mmlu_stem", {"question": "?", "choices": list(numbers.values()), "answer": 1}, numbers, "B", "D"),
        _choice("mmlu_stem", {"question": "?", "choices": list(elements.values()), "answer": 0}, elements, "A", "D"),
        Speaker(
            "leetcode_o",
            {"problem_id": "p", "answer": [1, 3]},
            "[1, 3]",
            "[3, 1]",
            object_forms("output"),
            OBJECT_MARKS,
            (),
            (),
            (),
            object_leads("output"),
            OBJECT_TAILS,
        ),
        Speaker(
            "leetcode_o",
            {"problem_id": "p", "answer": True},
            "true",
            "false",
            object_forms("output"),
            OBJECT_MARKS,
            (),
            (),
            (),
            object_leads("output"),
            OBJECT_TAILS,
        ),
        Speaker(
            "leetcode_o",
            {"problem_id": "p", "answer": "a,b"},
            '"a,b"',
            '"b"',
            object_forms("output"),
            OBJECT_MARKS,
            (),
            (),
            (),
            object_leads("output"),
            OBJECT_TAILS,
        ),
        Speaker(
            "cruxeval_i",
            sorter,
            "f([1, 3])",
            "f([2, 4])",
            call_forms,
            CODE_MARKS,
            CODE_HEDGES,
            REFUSALS,
            CODE_CHANGES,
            CODE_LEADS,
        ),
        Speaker(
            "cruxeval_o",
            sorter,
            "[1, 3]",
            "[3, 1]",
            value_forms,
            CODE_MARKS,
            CODE_HEDGES,
            REFUSALS,
            CODE_CHANGES,
            CODE_LEADS,
        ),
        _choice("bbh_en", bbh | {"target": "(B)", "input": books}, colours, "B", "C"),
        Speaker("bbh_en", bbh | {"target": "Yes"}, "Yes", "No", word_forms),
        Speaker("bbh_en", bbh | {"target": "False"}, "False", "True", word_forms),
        Speaker("bbh_en", bbh | {"target": "invalid"}, "invalid", "valid", word_forms),
        Speaker("bbh_en", bbh | {"target": "18"}, "18", "24", number_forms, hedges=NUMBER_HEDGES),
        Speaker("bbh_zh", bbh | zh | {"target": "No"}, "No", "Yes", word_forms),
        Speaker(
            "bbh_zh",
            bbh | {"task": "boolean_expressions", "input": "True and True is", "target": "True"},
            "True",
            "False",
            word_forms,
        ),
        Speaker(
            "bbh_zh",
            bbh | {"task": "object_counting", "input": "I have a bed. How many objects do I have?", "target": "18"},
            "18",
            "24",
            number_forms,
            hedges=NUMBER_HEDGES,
        ),
        *(
            Speaker("zebralogic", row, right, wrong, grid_forms, OBJECT_MARKS, (), (), (), _GRID_LEADS, OBJECT_TAILS)
            for row, right, wrong in _puzzles()
        ),
        Speaker(
            "korbench",
            kor | {"kind": "operation", "answer": "[[24]]"},
            "24",
            "36",
            bracketed_forms,
            BRACKET_MARKS,
            (),
            (),
            (),
            BRACKET_LEADS,
            BLANKS,
            more=((BRACKET_MARKS, unbracketed_forms),),
        ),
        Speaker(
            "korbench",
            kor | {"kind": "counterfactual", "answer": "[[B]]"},
            "B",
            "A",
            bracketed_forms,
            BRACKET_MARKS,
            (),
            (),
            (),
            BRACKET_LEADS,
            BLANKS,
            more=((BRACKET_MARKS, unbracketed_forms),),
        ),
        *_livebench_speakers(),
        Speaker(
            "codeio",
            held_out | {"task": "output"},
            "9",
            "6",
            object_forms("output"),
            OBJECT_MARKS,
            (),
            (),
            (),
            object_leads("output"),
            OBJECT_TAILS,
        ),
        Speaker(
            "codeio",
            held_out | {"task": "input"},
            '{"x": 3}',
            '{"x": 2}',
            object_forms("input"),
            OBJECT_MARKS,
            (),
            (),
            (),
            object_leads("input"),
            OBJECT_TAILS,
        ),
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
    'At first I had {"solution": {"House 1": {"Name": "?"}}}, which is not complete.\n',
    "Ida is in the first house.\n\n",
    "The clues say that {1, 2} are the houses.\n",
    '<think>{"solution": {"House 1": {"Name": "~"}}}</think>\n',
    "让我们一步一步地思考。\n",
)
