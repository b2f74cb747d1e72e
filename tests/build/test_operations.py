"""Classes that keep a state become functions over a list of operations."""

import json

import pytest

from build.core.records import UnifiedFunction
from build.sandbox import DrawRules, Program, Sandbox
from tests.build.test_static import outcome, value

FILE = '''
from collections import OrderedDict


class LRUCache:
    """Least recently used cache."""

    def __init__(self, capacity):
        self.capacity = capacity
        self.items = OrderedDict()

    def get(self, key):
        if key not in self.items:
            return -1
        self.items.move_to_end(key)
        return self.items[key]

    def put(self, key: int, value: int):
        self.items[key] = value
        self.items.move_to_end(key)
        if len(self.items) > self.capacity:
            self.items.popitem(last=False)

    def visit(self, seen: "Callable") -> int:
        return seen(self.items)


class Point:
    def __init__(self, x: int):
        self.x = x

    def norm(self):
        return abs(self.x)

    def double(self):
        return 2 * self.norm()


class Silent:
    def __init__(self):
        self.items = []

    def add(self, item: int):
        self.items.append(item)

    def drop(self):
        self.items.pop()


class Named:
    def __init__(self, *names):
        self.names = list(names)

    def add(self, name: str):
        self.names.append(name)
        return len(self.names)

    def last(self):
        return self.names[-1]
'''


@pytest.fixture(scope="module")
def found(sandbox: Sandbox) -> dict[str, UnifiedFunction | str]:
    return outcome(sandbox, FILE)


def test_operations_are_carried_out_on_one_object(sandbox: Sandbox, found: dict[str, UnifiedFunction | str]) -> None:
    cache = found["lrucache_operations"]
    operations = [["put", 1, 5], ["put", 2, 6], ["get", 1], ["put", 3, 7], ["get", 2]]
    given = {"capacity": 2, "operations": operations}
    assert value(sandbox, cache, json.dumps(given)) == "[null, null, 5, null, -1]"
    assert isinstance(cache, UnifiedFunction) and "def visit" not in cache.code and cache.types == "inferred"
    assert '["get", integer] and ["put", integer, integer]' in cache.description
    assert "Your task: carry out operations on a new object of `LRUCache`" in cache.query


def test_what_is_drawn_runs_and_differs(sandbox: Sandbox, found: dict[str, UnifiedFunction | str]) -> None:
    cache = found["lrucache_operations"]
    assert isinstance(cache, UnifiedFunction) and cache.generator is not None
    draws = sandbox.draw(Program(cache.code), cache.generator, DrawRules(), seed=1)
    assert len(draws.pairs) == 10 and "exception" not in draws.rejected
    assert len({output for _, output in draws.pairs}) > 5
    assert sum(json.loads(given)["operations"][-1][0] == "get" for given, _ in draws.pairs) > 5


def test_classes_without_a_state_to_ask_for_stay_as_they_are(found: dict[str, UnifiedFunction | str]) -> None:
    assert {"point_operations", "silent_operations", "named_operations"}.isdisjoint(found)
