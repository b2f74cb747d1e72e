"""Which branches the calls of a program take, told without a tracer."""

from build.sandbox import Sandbox
from build.sandbox.branches import Branches

CODE = '''
import numpy

seen = []


def helper(n):
    """With a docstring."""
    return "even" if n % 2 == 0 else "odd"


def never(n):
    return 1 if n else 2


class Kind:
    def of(self, n):
        if n < 0:
            raise ValueError(n)
        if n == 0:
            return None
        try:
            seen.append(100 // (n - 3))
        except ZeroDivisionError:
            return "three"
        while n > 10:
            n -= 1
        return [helper(k) for k in range(n) if k > 2] + [len(seen)] if n != 5 else self.of(0)


def main_solution(n):
    print("watched")
    return Kind().of(n)
'''


def test_ways_and_early_ends(sandbox: Sandbox) -> None:
    branches = Branches(CODE, "Kind.of")
    runs = branches.watch(sandbox, [f'{{"n": {n}}}' for n in (0, 3, 2, 5, 12, -1)])
    assert [run.early for run in runs] == [True, True, False, False, False, False]
    # Of `of`: n < 0 only the way that does not raise; n == 0, while, if/else and the filter; of `helper`: one decision.
    assert branches.coverage(runs[:1]) == (2, 9)
    assert branches.coverage(runs[:3]) == (6, 9)
    assert branches.coverage(runs) == (11, 11)


def test_what_does_not_end_is_cut_and_what_cannot_be_loaded_takes_nothing(sandbox: Sandbox) -> None:
    endless = Branches("def main_solution(n):\n    while n < 5:\n        pass\n    return n\n", "main_solution")
    runs = endless.watch(sandbox, ['{"n": 1}', '{"n": 7}'])
    assert [endless.coverage([run]) for run in runs] == [(1, 2), (1, 2)]
    broken = Branches("import nowhere_\ndef main_solution(n):\n    return n if n else 1\n", "main_solution")
    assert broken.coverage(broken.watch(sandbox, ['{"n": 1}'])) == (0, 0)
