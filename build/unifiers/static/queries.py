"""The two texts of a unified function that a reader sees before its code: what goes in and comes out, and the query.

Nothing is promised that is not known: without a docstring the query names the function and asks what it gives.
"""

import re

from build.unifiers.static.docstrings import Documentation

_VERBS = frozenset(
    re.findall(
        r"\w+",
        """
    accept accumulate add adjust advance align allow analyze answer append apply approximate arrange assign attempt
    balance bin bound break bucket build calculate capitalize carry cast center change check choose chunk clamp classify
    clean clear clip cluster collapse collect combine compare compose compress compute concatenate construct convert
    copy count create cross cut deal decode decompose decrypt dedent deduplicate define delete derive describe detect
    determine differentiate dilate discard display distribute divide draw drop encode encrypt ensure enumerate erode
    escape estimate evaluate examine exclude execute expand exponentiate extract factor factorize fetch fill filter
    find fix flatten flip fold format gather generate get give group guess handle hash help humanize identify
    implement increment indent infer inflect insert interleave interpolate intersect intersperse invert iterate join
    keep list locate look lookup lower make map mark match measure merge mirror moderate move multiply negate
    normalize obtain order output pad parse partition perform pick place plot pluralize pop predict prepare print
    process produce project pull push put quantize quote raise rank read rearrange reconstruct recursively reduce
    reformat remove rename render reorder repeat replace report represent reset resolve retrieve return reverse
    rewrite rotate round run sample sanitize scale scan search select separate set shift shorten show shuffle simplify
    simulate singularize slice slugify solve sort split squash stringify strip substitute subtract sum summarize swap
    take tell test titleize tokenize transform translate transpose traverse trim truncate try turn uncompress
    underscore undo unescape unify unpack unwrap update use validate verify walk wrap write yield zip
    """,
    )
)


_QUESTIONS = frozenset(
    ("is", "has", "have", "use", "should", "allow", "with", "include", "do", "no", "not", "can", "needs")
)
PRINTED = "the text that is printed"


def describe_io(
    parameters: list[tuple[str, str]], returned: str, docs: Documentation, note: str = "", called: str = ""
) -> str:
    """The input/output description: a line per argument (name, type in words) and one for the returned value.

    `note`: how the value is given where it is not as the function returns it; `called`: the function's name in words.
    """
    lines = ["Input:"]
    for name, type_words in parameters:
        meaning = docs.parameters.get(name) or _meaning_of(name)
        lines.append(f"  `{name}` ({type_words})" + (f": {_sentence(meaning)}" if meaning else ""))
    if note == PRINTED:
        meaning, note = PRINTED, ""
    elif docs.returns:
        meaning = docs.returns
    elif docs.summary:
        meaning = f"the result of this task: {_lowered(_task(docs.summary))}"
    else:
        meaning = f"what `{called}` gives for them" if called else "the result"
    if note:
        meaning = f"{meaning.rstrip('.')}; {note}"
    lines += ["Output:", f"  `return` ({returned}): {_sentence(meaning)}"]
    return "\n".join(lines)


def ask(parameters: list[str], docs: Documentation, called: str, printed: bool = False) -> str:
    """The query: what is given, what is to be done, and a wh-question, without values. `called`: the function's name."""
    given = []
    for name in parameters:
        meaning = docs.parameters.get(name, "").rstrip(".")
        short = meaning if len(meaning) <= 120 and not re.search(r"[.;]\s", meaning) else ""
        given.append(f"`{name}` ({_lowered(short)})" if short else f"`{name}`")
    listed = given[0] if len(given) == 1 else ", ".join(given[:-1]) + " and " + given[-1]
    question = "What is printed for the given values?" if printed else _question(docs.returns)
    if not docs.summary:
        words = words_of(called.rpartition(".")[2])
        told = f", whose name says {words!r}," if " " in words else ""
        given_to = "It is" if len(given) == 1 else "They are"
        return f"You are given {listed}. {given_to} passed to the function `{called}`{told} shown below. {question}"
    return f"You are given {listed}. {task_of(docs.summary)} {question}"


def task_of(summary: str) -> str:
    """A summary as a sentence that sets a task."""
    text = _task(summary)
    first = text.partition(" ")[0]
    if _imperative(first):
        return f"Your task: {text}."
    if first.lower() in ("if", "whether"):
        return f"Your task: say {_lowered(text)}."
    return f"Your task in a few words: {_lowered(text)}."


def is_task(summary: str) -> bool:
    """Whether a summary says what to do."""
    return bool(_imperative(_task(summary).partition(" ")[0]))


def _task(summary: str) -> str:
    """A summary without what it says of itself, its verb in the plain form."""
    text = summary.strip().rstrip(".:")
    text = re.sub(r"(?i)^(this|the) (function|method|program|script|code|procedure|algorithm|one)( here)? ", "", text)
    text = re.sub(r"(?i)^(will|should|is used to|can be used to|is going to) ", "", text)
    text = re.sub(r"(?i)^(a |the )?(simple |utility |helper )?(function|method) (that|which|to|for) ", "", text)
    first, _, rest = text.partition(" ")
    verb = _imperative(first)
    return f"{verb} {rest}".strip() if verb else text


def words_of(name: str) -> str:
    """An identifier as words: `maxSubArray` and `max_sub_array` are "max sub array"."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name).replace("_", " ")
    return " ".join(word if word.isupper() and len(word) > 1 else word.lower() for word in spaced.split())


def _imperative(word: str) -> str:
    """A verb's plain form: "Returns" and "Returning" are "return"; "" for what is no verb known here."""
    low = word.lower().strip(",")
    if low in _VERBS:
        return low
    for ending, plain in (("ies", "y"), ("es", ""), ("es", "e"), ("s", ""), ("ing", ""), ("ing", "e"), ("ting", "t")):
        if low.endswith(ending) and low[: -len(ending)] + plain in _VERBS:
            return low[: -len(ending)] + plain
    return ""


def _question(returns: str) -> str:
    returned = returns.rstrip(".")
    if re.match(r"(?i)(whether|true (if|when|iff))\b", returned):
        condition = re.sub(r"(?i)^(true (if|when|iff)|whether( or not)?)\s+", "", returned)
        condition = re.split(r"(?i)[,;.]?\s+(?:otherwise|else|false|or false|and false)\b|[.;]", condition)[0].rstrip(
            " ,;"
        )
        if condition and len(condition) <= 120:
            return f"Which is it, true or false, that {_lowered(condition)}?"
    if re.match(r"(?i)(true|false|bool)", returned):
        return "Which of the two is the result, true or false?"
    match = re.match(r"(?i)(the|a|an)\s+", returned)
    if match and not re.search(r"[.:;,(]", returned) and len(returned) <= 90:
        return f"What is the {returned[match.end() :]}?"
    return "What is the result for the given values?"


def _meaning_of(name: str) -> str:
    words = words_of(name).split()
    says = len(words) > 1 and words[0] not in _QUESTIONS and all(len(word) > 1 for word in words)
    return f"the {' '.join(words)}" if says else ""


def _lowered(text: str) -> str:
    """The text with a small first letter, but for names, acronyms and the like."""
    first = text.split(" ", 1)[0]
    return (
        text if any(letter.isupper() for letter in first[1:]) or first in ("I", "A*") else text[:1].lower() + text[1:]
    )


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?", "…")) else text + "."
