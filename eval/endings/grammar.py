r"""Makes endings of responses from a grammar: reasoning, a mark, a form of the answer, and what comes after it.

Every ending is built so that its right reading is known before any scorer sees it: one answer is *stated* and another one, the
*rival*, stands wherever it must not be read (in the reasoning, in a thought, after the next question). The axes are

- mark: how an answer is announced, in English, Chinese and six other languages (`MARKS`);
- form: how the answer itself is written, which depends on its kind (`eval.endings.items`);
- lead: what the response says before (`LEADS`);
- tail: what it says after (`TAILS`);
- hedge: two answers, or none, where one was asked for (`HEDGES`, `REFUSALS`); its right reading is "no answer";
- change: an answer that is taken back for another one (`CHANGES`).

In the templates, `{}` is the answer in its form, `@` the stated answer and `~` the rival one, both in a plain form.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True)
class Form:
    """A way to write an answer.

    `kind` decides what the form cannot be combined with: "bold", "maths" (dollars or LaTeX), "block" (several lines), "code",
    "words" (a sentence that may go on), or "" for plain text.
    """

    text: str
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Mark:
    """A template of a statement. `language` is a code; `without` names the kinds of forms that it cannot hold.

    `last`: it is a statement only at the end of a response, so nothing but blanks follows it.
    """

    template: str
    language: str = "en"
    without: tuple[str, ...] = ()
    last: bool = False


_NO_BOLD = ("bold", "block", "code")
_IN_BOX = ("bold", "block", "code", "maths", "words")
_ONE_LINE = ("block",)

MARKS: tuple[Mark, ...] = (
    Mark("Answer: {}"),
    Mark("Ans: {}"),
    Mark("Correct answer: {}"),
    Mark("Answer: ✅ {}", without=_ONE_LINE),
    Mark("Answer:\n> {}", without=_ONE_LINE),
    Mark("answer: {}"),
    Mark("ANSWER: {}"),
    Mark("**Answer:** {}"),
    Mark("**Answer**: {}"),
    Mark("**Answer: {}**", without=_NO_BOLD),
    Mark("Final Answer: {}"),
    Mark("**Final Answer:** {}"),
    Mark("**Final Answer**\n\n{}"),
    Mark("### Final Answer\n\n{}"),
    Mark("## Answer\n{}"),
    Mark("Answer:\n{}"),
    Mark("Answer:\n\n{}"),
    Mark("> **Answer:** {}", without=_ONE_LINE),
    Mark("- **Answer:** {}", without=_ONE_LINE),
    Mark("Final answer (after checking): {}", without=_ONE_LINE),
    Mark("Answer to the question: {}", without=_ONE_LINE),
    Mark("The answer is {}.", without=_ONE_LINE),
    Mark("The answer is: {}", without=_ONE_LINE),
    Mark("The answer is:\n\n{}"),
    Mark("So the answer is {}.", without=_ONE_LINE),
    Mark("so the answer is {}", without=_ONE_LINE),
    Mark("Therefore, the answer is {}.", without=_ONE_LINE),
    Mark("Thus, the correct answer is {}.", without=_ONE_LINE),
    Mark("Hence the final answer is {}.", without=_ONE_LINE),
    Mark("The correct answer is {}.", without=_ONE_LINE),
    Mark("The correct answer is: **{}**", without=_NO_BOLD),
    Mark("My answer is {}.", without=_ONE_LINE),
    Mark("The answer is therefore {}.", without=_ONE_LINE),
    Mark("The answer should be {}.", without=_ONE_LINE),
    Mark("The answer must be {}.", without=_ONE_LINE),
    Mark("The answer to this question is {}.", without=_ONE_LINE),
    Mark("The final answer is {}. I hope it is correct.", without=_ONE_LINE),
    Mark("Final Answer: The final answer is {}. I hope it is correct.", without=_ONE_LINE),
    Mark("Putting it all together, the answer is {}.", without=_ONE_LINE),
    Mark("After checking every case, I find that the answer is {}.", without=_ONE_LINE),
    Mark("In conclusion, the answer turns out to be {}.", without=_ONE_LINE),
    Mark("<answer>{}</answer>"),
    Mark("<answer>\n{}\n</answer>"),
    Mark("\\boxed{{}}", without=_IN_BOX),
    Mark("$\\boxed{{}}$", without=_IN_BOX),
    Mark("$$\\boxed{{}}$$", without=_IN_BOX),
    Mark("\\[\n\\boxed{{}}\n\\]", without=_IN_BOX),
    Mark("\\(\\boxed{{}}\\)", without=_IN_BOX),
    Mark("The answer is $\\boxed{{}}$.", without=_IN_BOX),
    Mark("The answer is \\boxed{{}}: nothing else fits.", without=_IN_BOX),
    Mark("Answer: \\boxed{{}}", without=_IN_BOX),
    Mark("**Answer:** $\\boxed{{}}$", without=_IN_BOX),
    Mark("\\boxed{\\text{{}}}", without=_IN_BOX),
    Mark("\\fbox{{}}", without=_IN_BOX),
    Mark('{"answer": "{}"}', without=(*_IN_BOX, "quoted")),
    Mark('```json\n{"answer": "{}"}\n```', without=(*_IN_BOX, "quoted")),
    Mark("答案：{}", "zh"),
    Mark("答案: {}", "zh"),
    Mark("**答案：** {}", "zh"),
    Mark("**答案：{}**", "zh", _NO_BOLD),
    Mark("答案是{}。", "zh", _ONE_LINE),
    Mark("答案是：{}", "zh", _ONE_LINE),
    Mark("答案为 {}。", "zh", _ONE_LINE),
    Mark("所以答案是{}。", "zh", _ONE_LINE),
    Mark("因此，答案是 {}。", "zh", _ONE_LINE),
    Mark("最终答案：{}", "zh"),
    Mark("最终答案是{}。", "zh", _ONE_LINE),
    Mark("正确答案是{}。", "zh", _ONE_LINE),
    Mark("综上所述，正确答案应该是{}。", "zh", _ONE_LINE),
    Mark("### 答案\n\n{}", "zh"),
    Mark("答案是 $\\boxed{{}}$。", "zh", _IN_BOX),
    Mark("Respuesta: {}", "es"),
    Mark("La respuesta correcta es {}.", "es", _ONE_LINE),
    Mark("Antwort: {}", "de"),
    Mark("Die Antwort ist {}.", "de", _ONE_LINE),
    Mark("Réponse : {}", "fr"),
    Mark("La réponse est {}.", "fr", _ONE_LINE),
    Mark("Resposta: {}", "pt"),
    Mark("Ответ: {}", "ru"),
    Mark("答え：{}", "ja"),
    Mark("정답: {}", "ko"),
)

# Statements of an option's letter only.
CHOICE_MARKS: tuple[Mark, ...] = (
    Mark("The correct option is {}.", without=_ONE_LINE),
    Mark("The correct choice is {}.", without=_ONE_LINE),
    Mark("The best answer is {}.", without=_ONE_LINE),
    Mark("The right option is therefore {}.", without=_ONE_LINE),
    Mark("I choose {}.", without=_ONE_LINE),
    Mark("I'd select {}.", without=_ONE_LINE),
    Mark("I'm going with {}.", without=_ONE_LINE),
    Mark("Final choice: {}", without=_ONE_LINE),
    Mark("The only option consistent with this is {}.", without=_ONE_LINE),
    Mark("That leaves {}.", without=("block", "words")),
    Mark("我的选择：{}", "zh", _ONE_LINE),
    Mark("I would go with {}.", without=_ONE_LINE),
    Mark("I'll pick {}.", without=_ONE_LINE),
    Mark("So it must be {}.", without=_ONE_LINE),
    Mark("Therefore, {}.", without=_ONE_LINE),
    Mark("故选{}。", "zh", _ONE_LINE),
    Mark("所以选{}。", "zh", _ONE_LINE),
    Mark("因此应选择{}。", "zh", _ONE_LINE),
    Mark("正确选项是{}。", "zh", _ONE_LINE),
    Mark("{}", without=("words", "block"), last=True),
)
REVERSED_MARKS: tuple[Mark, ...] = (
    Mark("Option {} is correct."),
    Mark("So {} is the correct answer."),
    Mark("{} is the right option."),
    Mark("{} is correct because it fits."),
    Mark("This means that {} is the best choice."),
)

LEADS: tuple[str, ...] = (
    "",
    "",
    "Let's think step by step. There is one thing to look at first.\n",
    "First I must see what the answer is by elimination.\n\n",
    "**Step 1:** read the question.\n**Step 2:** compare what it says.\n\n",
    "At first sight the answer is ~. But that overlooks a detail.\n\n",
    "My first guess is this:\nAnswer: ~\nOn a closer look that does not hold.\n",
    "A quick try gives \\boxed{~}. That is only a first try.\n",
    "#### ~\n\nLet me check that again from the start.\n\n",
    "If the answer is ~, then something would be odd. So no.\n",
    "<think>Perhaps it is this. Answer: ~</think>\n\n",
    "<think>\nThe answer is ~.\n</think>\n",
    "The answer could be ~, but let me look closer.\n",
    "It is clear that the answer is not ~.\n",
    "Question: the one above.\nReasoning: everything that it says counts.\n",
    "让我们一步一步地思考。\n",
    "一开始好像答案是~，其实不对。\n",
    "如果答案是~，就会有矛盾。\n",
)

TAILS: tuple[str, ...] = (
    "",
    "",
    "",
    "\n",
    " \n\n",
    "\n\nI am sure of this.",
    "\n\nLet me know if you would like another explanation!",
    "\n\nExplanation: the other readings do not fit.",
    "\n\nThe answer is not ~.",
    "\n\nQ: And another one?\nA: Let's think step by step. The answer is ~.",
    "\n\nQuestion: What about the next case?\nAnswer: ~",
    "\n\n### Question 2:\nSomething else?\n\n### Answer: ~",
    "\n\nUser: thanks, and now this one?\nAssistant: The answer is ~.",
    "\n\nHuman: Next.\n\nAssistant: Answer: ~",
    "<|im_end|>\n<|im_start|>user\nNext.<|im_end|>\n<|im_start|>assistant\nAnswer: ~",
    "<|endoftext|>Answer: ~",
    "</s>\nAnswer: ~",
    "\n\n问：下一题呢？\n答：答案是~。",
    "\n\n问题：下一题？\n答案：~",
)

BLANKS: tuple[str, ...] = ("", "\n", " \n\n")

# Two answers for one: neither is the answer.
HEDGES: tuple[str, ...] = (
    "Answer: @ or ~",
    "Answer: either @ or ~",
    "Answer: @ or maybe ~",
    "Answer: @, or possibly ~",
    "**Answer:** @ or ~",
    "**Answer: @ or ~**",
    "The answer is @ or ~.",
    "The answer is either @ or ~.",
    "So the answer is @ or perhaps ~.",
    "Final Answer: @ / ~",
    "Therefore, the answer is @ or ~, I cannot say which.",
    "\\boxed{@} or \\boxed{~}",
    "$\\boxed{@ \\text{ or } ~}$",
    "Answer: $\\boxed{@}$ or $\\boxed{~}$",
    "Answer:\n@ or ~",
    "### Final Answer\n@ or ~",
    "<answer>@ or ~</answer>",
    "答案：@或~",
    "答案是@或者~。",
    "答案：@ 或 ~",
    "Respuesta: @ or ~",
    "The answer is ~.\n\nOn second thoughts: Answer: @ or ~",
)
REFUSALS: tuple[str, ...] = (
    "Answer: I don't know.",
    "Answer: cannot be determined",
    "The answer cannot be determined from this.",
    "**Answer:** I cannot tell.",
    "I am not able to solve this.",
    "答案：无法确定",
)
# An answer that is taken back: the later one counts.
CHANGES: tuple[str, ...] = (
    "Answer: ~\n\nWait, that is wrong. Let me redo it.\n\nAnswer: @",
    "The answer is ~.\n\nHmm, I made a mistake above.\n\nSo the answer is @.",
    "\\boxed{~}\n\nChecking this again shows an error.\n\n\\boxed{@}",
    "Answer: ~\n\nCorrection: the answer is @.",
    "**Answer: ~**\n\nSorry, I misread the question.\n\n**Answer: @**",
    "\\boxed{~}\nThat was only the first part.\nAnswer: @",
    "#### ~\nThat was only the first part.\nThe answer is @.",
    "Answer: ~\nThat was only the first part.\n\\boxed{@}",
    "The answer is not ~ but @.",
    "Answer: ~, no wait, @",
    "Answer: ~\n\nWait, actually it is @.",
    "答案：~\n\n不对，重新算一遍。\n\n答案：@",
    "一开始答案是~，但这不对，所以正确答案是@。",
)


@dataclass(frozen=True, slots=True)
class Phrase:
    """A finished ending: its text, whether it states the answer, and the axes it was made from."""

    text: str
    reading: str  # "stated" or "none"
    axes: tuple[str, ...]


def combined(
    forms: Sequence[Form],
    plain: tuple[str, str],
    marks: Sequence[Mark],
    leads: Sequence[str],
    tails: Sequence[str],
    random: Random,
) -> Iterator[Phrase]:
    """Every mark with every form that it can hold, each with a lead and a tail that are drawn."""
    stated, rival = plain
    for mark in marks:
        for form in forms:
            if (form.kind in mark.without and form.kind) or (
                "quoted" in mark.without and set(form.text) & set("\"\\'\n")
            ):
                continue
            lead, tail = random.choice(leads), random.choice(BLANKS if mark.last else tails)
            body = mark.template.replace("{}", form.text, 1)
            text = _fill(lead, stated, rival) + body + _fill(tail, stated, rival)
            yield Phrase(text, "stated", (mark.template, form.text, lead, tail, mark.language))


def whole(
    templates: Sequence[str], plain: tuple[str, str], reading: str, leads: Sequence[str], random: Random
) -> Iterator[Phrase]:
    """Templates that are statements by themselves: hedges, refusals, changes."""
    for template in templates:
        lead = random.choice(leads)
        yield Phrase(_fill(lead, *plain) + _fill(template, *plain), reading, (template, "", lead, "", "en"))


def _fill(template: str, stated: str, rival: str) -> str:
    return "".join({"@": stated, "~": rival}.get(character, character) for character in template)
