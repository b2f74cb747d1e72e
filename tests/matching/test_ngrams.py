"""The 13-gram pass over arrays finds what the rule in plain Python finds, and nothing else."""

import subprocess
import sys

from hypothesis import given, settings
from hypothesis import strategies as st

from build.matching.ngrams import NGramIndex, hashes, ngrams, shared_gram

TEXTS = st.lists(
    st.lists(
        st.sampled_from(["a", "Bc", "tree", "ß", "返回", "x_1", "İ", "42", "é", "𝒳", "\0", "—", "l'un"]), max_size=40
    ).map(" ".join),
    max_size=6,
)


@given(TEXTS)
@settings(deadline=None)
def test_the_pass_agrees_with_the_plain_rule(texts: list[str]) -> None:
    found, owners = hashes(texts)
    wanted = [(number, gram) for number, text in enumerate(texts) for gram in ngrams(text)]
    assert [number for number, _ in wanted] == owners.tolist()
    hash_of: dict[str, int] = {}
    assert all(hash_of.setdefault(gram, value) == value for (_, gram), value in zip(wanted, found.tolist()))
    assert len(set(hash_of.values())) == len(hash_of)


@given(TEXTS, TEXTS)
@settings(deadline=None)
def test_an_index_names_documents_and_items(items: list[str], documents: list[str]) -> None:
    index = NGramIndex.of(items)
    found = index.find(documents)
    grams_of = [set(ngrams(item)) for item in items]
    for number, document in enumerate(documents):
        shared = [gram for gram in ngrams(document) if any(gram in grams for grams in grams_of)]
        assert (number in found) == bool(shared)
        if shared:
            item, count = found[number]
            assert shared[0] in grams_of[item] and count == len(shared)
            assert shared_gram(document, index.grams) == shared[0]


def test_long_documents_are_cut_into_batches_and_none_is_lost() -> None:
    question = " ".join(f"word{'abcdefghijklmnop'[n]}" for n in range(16))
    filler = "nothing to see here " * 5000
    documents = [filler, question, filler + question, filler, question.upper()]
    assert sorted(NGramIndex.of([question]).find(documents)) == [1, 2, 4]


def test_hashes_are_the_same_in_every_process() -> None:
    text = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen"
    code = f"from build.matching.ngrams import hashes; print(hashes([{text!r}])[0].tolist())"
    told = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True
        ).stdout
        for seed in ("1", "2")
    }
    assert told == {f"{hashes([text])[0].tolist()}\n"}
