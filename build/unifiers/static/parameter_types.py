"""The types of a function's parameters, with or without annotations, and how each was found.

Evidence in this order: the annotation; literal arguments of calls in the file, its doctests and tests; the default; the type
that the docstring names; what the body does with the name; what the name itself suggests. Where that leaves several types open,
trial runs decide (`build.unifiers.static.trials`); where they cannot, the function is refused as `type_unknown`.
"""

import ast
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

from build.unifiers.static.type_hints import ANY, Hint, Resolve, hint_of, read_hint, refine
from build.unifiers.static.usage import Usage, tests_only

Found = Literal["annotated", "call_site", "inferred", "trial"]
_INT, _STR, _FLOAT, _BOOL = Hint("int"), Hint("str"), Hint("float"), Hint("bool")
INTS, TEXTS, GRID = Hint("list", (_INT,)), Hint("list", (_STR,)), Hint("list", (Hint("list", (_INT,)),))
_COUNTS = Hint("dict", (_STR, _INT))
_EVERYTHING = (_INT, _STR, INTS, TEXTS, GRID, _COUNTS)  # what is tried where nothing speaks for anything
_NO_DATA = frozenset(
    (
        *(
            "Callable",
            "type",
            "Type",
            "IO",
            "TextIO",
            "BinaryIO",
            "Pattern",
            "Match",
            "ModuleType",
            "FunctionType",
            "Path",
        ),
        *(
            "timedelta",
            "tzinfo",
            "time",
            "timezone",
            "Logger",
            "Awaitable",
            "Coroutine",
            "AsyncIterator",
            "Element",
            "Self",
        ),
    )
)  # what no JSON value can become
_OPTIONS = 4  # types that are tried for one parameter

_NAMED: dict[str, Hint] = {}
for _names, _hint in (
    ("n m k i j x y z num number count size length width height limit index idx start end low high left right", _INT),
    ("year month day age total amount target val value base exp exponent power steps digit row col depth step", _INT),
    ("rows cols columns num1 num2 n1 n2 a b limit max_value min_value integer minimum maximum times degree seed", _INT),
    ("s t st string str1 str2 text word name sentence char ch letter pattern message line substring s1 s2", _STR),
    ("prefix suffix phrase title needle haystack str string1 string2 sub digits expression sequence_str path", _STR),
    ("txt letters word1 word2 chars strng dna rna seq password key plaintext ciphertext roman url filename", _STR),
    ("arr array nums numbers lst l values data items ints coins prices weights scores heights stones my_list", INTS),
    ("list1 list2 arr1 arr2 a_list num_list int_list sequence nums1 nums2 xs ys list_ collection integers vec", INTS),
    ("alist vector series input_list lista cards piles costs A iterable iterator it seq elements", INTS),
    ("words strs strings names lines tokens word_list keys", TEXTS),
    ("matrix grid board mat image triangle maze matrix1 matrix2", GRID),
    ("edges intervals points pairs coordinates", Hint("list", (Hint("tuple", (_INT, _INT)),))),
    ("d dictionary mapping counts freq my_dict dct", _COUNTS),
    ("graph", Hint("dict", (_STR, TEXTS))),
    ("price rate weight temperature radius ratio prob probability celsius fahrenheit percent balance salary", _FLOAT),
    ("flag reverse verbose reversed case_sensitive ignore_case inclusive", _BOOL),
):
    _NAMED.update(dict.fromkeys(_names.split(), _hint))


@dataclass(frozen=True, slots=True)
class Guess:
    """The types that a parameter may have, the likeliest first, and how they were found. More than one: a trial decides.

    `sure`: something speaks for the first, so that it wins where trials see no difference.
    """

    hints: tuple[Hint, ...]
    found: Found
    sure: bool = True


def guess_types(
    node: ast.FunctionDef,
    arguments: Sequence[ast.arg],
    defaults: dict[str, ast.expr | None],
    values: dict[str, list[Any]],
    documented: dict[str, str],
    resolve: Resolve,
    is_class: Callable[[str], bool] = lambda name: False,
) -> dict[str, Guess | None]:
    """A guess for each argument, None where no JSON value can fill it. `values`: literals passed to it somewhere;
    `documented`: the type that the docstring names; `is_class`: whether a name stands for a class of its own.
    """
    usage = Usage(node, [argument.arg for argument in arguments])
    return {
        argument.arg: _guess(
            node,
            argument,
            defaults.get(argument.arg),
            values.get(argument.arg, []),
            documented.get(argument.arg, ""),
            resolve,
            is_class,
            usage,
        )
        for argument in arguments
    }


def _guess(
    node: ast.FunctionDef,
    argument: ast.arg,
    default: ast.expr | None,
    values: list[Any],
    documented: str,
    resolve: Resolve,
    is_class: Callable[[str], bool],
    usage: Usage,
) -> Guess | None:
    annotated = read_hint(argument.annotation, resolve)
    used, weight = usage.hint((argument.arg,))
    if argument.annotation is not None and annotated is None and not _says_nothing(argument.annotation, is_class):
        return None
    if annotated is not None and annotated != ANY:
        hint = refine(annotated, values)
        return Guess(tuple(_filled(hint, used, argument.arg)), "annotated")
    if values:
        hint = hint_of(values)
        if hint != ANY:
            return Guess(tuple(_filled(hint, used, argument.arg)), "call_site")
    given = _literal_default(default)
    if given is not None:
        hint = hint_of([given])
        if hint.kind == "bool" or (hint != ANY and hint.kind not in ("list", "dict", "set")):
            return Guess((hint,), "inferred")
        if hint != ANY:
            return Guess(tuple(_filled(hint, used, argument.arg)), "inferred")
    told = read_words(documented, resolve)
    if told is not None and told != ANY:
        return Guess(tuple(_filled(told, used, argument.arg)), "inferred")
    named = _named(argument.arg)
    if used is not None and named is not None and named.kind != used.kind:
        weights = usage.weights[(argument.arg,)]
        if 0 < weights[named.kind] >= weights[used.kind] - 1:  # the body allows both
            used = named
    options: list[Hint] = []
    if used is not None and weight >= 2:
        options += _filled(used, used, argument.arg)
        if used.kind == "int" and named == _FLOAT:
            options.insert(0, _FLOAT)
    if named is not None and (used is None or weight < 4 or named.kind == used.kind):
        options.insert(0 if used is None or weight < 2 or named.kind == used.kind else len(options), named)
    if not options and tests_only(node, argument.arg):
        options.append(_BOOL)
    sure = bool(options)
    if weight < 4:
        options += _filled(used, used, argument.arg) if used is not None else []
        options += [hint for hint in _EVERYTHING if hint.kind not in {option.kind for option in options} or not sure]
    options = list(dict.fromkeys(options))[: _OPTIONS if sure else len(_EVERYTHING)]
    return Guess(tuple(options), "inferred", sure)


def _says_nothing(annotation: ast.expr, is_class: Callable[[str], bool]) -> bool:
    """Whether an annotation names only what is not at hand, a protocol of some library, say: then other evidence counts."""
    with suppress(SyntaxError, ValueError, RecursionError, MemoryError):
        if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
            annotation = ast.parse(annotation.value.strip(), mode="eval").body
        names = {
            node.attr if isinstance(node, ast.Attribute) else node.id
            for node in ast.walk(annotation)
            if isinstance(node, ast.Attribute | ast.Name)
        }
        return not any(name in _NO_DATA or is_class(name) for name in names)
    return False


def read_words(text: str, resolve: Resolve) -> Hint | None:
    """The type in a docstring's words: "int", "list of str", "List[int]", "str, optional", "a string"."""
    text = re.sub(r":\w+:`~?\.?([^`]*)`", r"\1", text).strip().strip("`'\"")
    text = (
        re.split(r",\s*(?:optional|default|required|shape)\b|\s+(?:default|optional)\b|\. |;", text)[0]
        .strip()
        .strip(".")
    )
    text = re.sub(r"(?i)^(an?|the|some)\s+", "", text)
    if not text or len(text) > 60:
        return None
    with suppress(SyntaxError, ValueError, MemoryError, RecursionError):
        found = read_hint(ast.parse(text, mode="eval").body, resolve)
        if found is not None:
            return found
    low = text.lower()
    match = re.match(
        r"(?:non-empty |sorted |python )*(list|array|sequence|iterable|set|tuple)s?\s*(?:of|\[|\()\s*(.+)", low
    )
    if match:
        inner = read_words(match[2].strip(" )]"), resolve)
        kind = {"set": "set", "tuple": "pack"}.get(match[1], "list")
        return Hint(kind, (inner or ANY,))
    if re.fullmatch(r"(positive |non-negative |natural |whole )?(int|integer|whole number|number)s?", low):
        return _INT
    if re.fullmatch(r"(str|string|text|char|character|word)s?", low):
        return _STR
    if re.fullmatch(r"(float|double|real|decimal)( number)?s?|numeric|number|int or float|float or int", low):
        return _FLOAT
    if re.fullmatch(r"bool|boolean", low):
        return _BOOL
    if re.fullmatch(r"(list|array|sequence|iterable)s?", low):
        return Hint("list", (ANY,))
    if re.fullmatch(r"dict(ionary)?|mapping", low):
        return Hint("dict", (_STR, ANY))
    return None


def _named(name: str) -> Hint | None:
    low = name.lower().strip("_")
    plain = re.sub(r"\d+$", "", low)
    for form in (name, low, plain):
        if form in _NAMED:
            return _NAMED[form]
    if re.match(r"(is|has|use|should|allow|with|include)_", low):
        return _BOOL
    if re.match(r"(num|n|number|count|max|min|no)_", low) or re.search(
        r"_(num|number|count|size|length|index|id|n)$", low
    ):
        return _INT
    if re.search(r"(_|^)(list|arr|array|nums|numbers)(_|$)", low):
        return INTS
    if re.search(r"(_|^)(str|string|text|word|name|char)(_|$)", low):
        return _STR
    last = low.rpartition("_")[2]
    return _NAMED.get(last) if len(last) > 2 else None


def _filled(hint: Hint, used: Hint | None, name: str) -> list[Hint]:
    """The hint with what it leaves open filled in, by the use, by the name, or with numbers and with texts."""
    if not _open(hint):
        return [hint]
    if used is not None and used.kind == hint.kind:
        hint = _merged(hint, used)
    named = _named(name)
    if named is not None and named.kind == hint.kind and _open(hint):
        hint = _merged(hint, named)
    return [hint] if not _open(hint) else [_close(hint, _INT), _close(hint, _STR)]


def _open(hint: Hint) -> bool:
    return hint == ANY or any(_open(item) for item in hint.items)


def _close(hint: Hint, inner: Hint) -> Hint:
    return (
        inner
        if hint == ANY
        else Hint(hint.kind, tuple(_close(item, inner) for item in hint.items), hint.values, hint.name)
    )


def _merged(hint: Hint, other: Hint) -> Hint:
    if hint == ANY:
        return other
    if hint.kind != other.kind or len(hint.items) != len(other.items):
        return hint
    items = tuple(_merged(mine, theirs) for mine, theirs in zip(hint.items, other.items))
    return Hint(hint.kind, items, hint.values, hint.name)


def _literal_default(default: ast.expr | None) -> Any:
    if default is None:
        return None
    try:
        return ast.literal_eval(default)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None
