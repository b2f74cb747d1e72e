"""The rule-based translation: labels survive, no two options or questions become one, nothing is left untranslated."""

import re

import pytest

pytest.importorskip("math_verify", reason="pip install -r requirements/eval.txt")

from hypothesis import given
from hypothesis import strategies as st

from eval.scorers import bbh_zh

COLOURS = (
    "red",
    "orange",
    "yellow",
    "green",
    "blue",
    "brown",
    "magenta",
    "fuchsia",
    "mauve",
    "teal",
    "turquoise",
    "burgundy",
)
PEOPLE = ("Alice", "Bob", "Claire", "Dave", "Eve")
SHOTS = [(task, shot) for task, shots in bbh_zh._shots().items() for shot in shots]


@pytest.mark.parametrize(("task", "shot"), SHOTS)
def test_every_shot_translates_and_its_label_is_among_the_options(task: str, shot: dict[str, str]) -> None:
    chinese = bbh_zh.translate(task, shot["input"])
    assert bbh_zh.score({"target": shot["target"]}, f"{shot['reasoning']}所以答案是{shot['target']}。").value == 1.0
    labels = re.findall(r"^\([A-Z]\)", shot["input"], re.MULTILINE)
    assert re.findall(r"^\([A-Z]\)", chinese, re.MULTILINE) == labels
    assert not labels or shot["target"] in labels


def test_there_are_three_shots_for_each_of_the_nine_tasks() -> None:
    assert {task: len(shots) for task, shots in bbh_zh._shots().items()} == dict.fromkeys(bbh_zh.TASKS, 3)


def test_words_that_can_be_options_have_translations_of_their_own() -> None:
    """A round trip: from the Chinese option back to exactly one English word, for each kind of option."""
    words = bbh_zh._tables()["words"]
    for kind in (
        [*COLOURS, "silver", "gold", "black", "grey", "purple", "pink"],
        [
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
            "yes",
            "no",
        ],
        [word for word in words if word.endswith((" ball", " present"))],
        [word for word in words if word.endswith(("er", "keeper", "back")) and not word.endswith(("older", "newer"))],
        [word for word in words if str(words[word]).startswith("《")],
        [word for word in words if word.endswith(" book")],
    ):
        back = {str(words[word]): word for word in kind}
        assert [back[str(words[word])] for word in kind] == kind


def test_counted_things_have_names_of_their_own() -> None:
    names = [name for _, name in bbh_zh._tables()["things"].values()]
    assert len(set(names)) == len(names)


@given(st.lists(st.sampled_from(["and", "or", "not", "True", "False", "(", ")"]), min_size=1).map(" ".join))
def test_boolean_expressions_keep_the_expression(expression: str) -> None:
    assert bbh_zh.translate("boolean_expressions", f"{expression} is") == f"{expression} 的值是"


STEP = st.one_of(
    st.tuples(st.integers(1, 10), st.sampled_from(["", " forward", " backward", " left", " right"])).map(
        lambda part: f"Take {part[0]} step{'s' if part[0] > 1 else ''}{part[1]}."
    ),
    st.sampled_from(["Turn around.", "Turn left.", "Turn right.", "Always face forward."]),
)


@given(st.lists(STEP, min_size=1, max_size=8))
def test_navigate_keeps_every_number_in_order(steps: list[str]) -> None:
    question = (
        "If you follow these instructions, do you return to the starting point? "
        + " ".join(steps)
        + "\nOptions:\n- Yes\n- No"
    )
    chinese = bbh_zh.translate("navigate", question)
    assert re.findall(r"\d+", chinese) == re.findall(r"\d+", question)
    assert not re.search("[A-Za-z]", chinese)


@given(st.lists(st.tuples(st.sampled_from(PEOPLE), st.sampled_from(PEOPLE), st.booleans()), min_size=1, max_size=5))
def test_web_of_lies_can_be_read_back(claims: list[tuple[str, str, bool]]) -> None:
    claim_texts = [f"{a} says {b} {'tells the truth' if true else 'lies'}." for a, b, true in claims]
    chinese = bbh_zh.translate(
        "web_of_lies", "Question: Zoe lies. " + " ".join(claim_texts) + " Does Bob tell the truth?"
    )
    back = [
        (a, b, word == "说真话") for a, b, word in re.findall(r"([A-Z][a-z]+)说([A-Z][a-z]+)(说真话|说谎)。", chinese)
    ]
    assert back == claims


@given(st.permutations(COLOURS[:6]), st.sampled_from(["left", "right"]))
def test_coloured_objects_keep_their_order(colours: list[str], side: str) -> None:
    things = ["mug", "pen", "plate", "cup", "jug", "puzzle"]
    row = (
        ", ".join(f"a {colour} {thing}" for colour, thing in zip(colours[:-1], things))
        + f", and a {colours[-1]} {things[-1]}"
    )
    question = (
        f"On the desk, you see several items arranged in a row: {row}. What is the color of the {side}-most item?"
    )
    chinese = bbh_zh.translate("reasoning_about_colored_objects", question)
    words = bbh_zh._tables()["words"]
    assert re.findall("|".join(words[colour] for colour in colours), chinese) == [words[colour] for colour in colours]
    assert not re.search("[A-Za-z]", chinese)


@pytest.mark.parametrize("task", bbh_zh.TASKS)
def test_a_sentence_without_a_rule_is_an_error(task: str) -> None:
    with pytest.raises(ValueError, match="BBH-ZH: no"):
        bbh_zh.translate(task, "Colourless green ideas sleep furiously!")
