"""Does the three jobs inside the forked child. Beside the drivers that go there as text, only this module's functions execute
foreign code.

Everything that judges a value (encoder, decoder, size rule) was loaded before foreign code ran and is no part of what
foreign code can import. Results leave as messages through `emit`, one by one, so that what was found before a crash
or a kill is kept; counts go to a page of memory shared with the parent, for the same reason.
"""

import signal
import sys
from collections.abc import Callable, Mapping
from copy import deepcopy
from operator import is_
from types import CodeType, FrameType, ModuleType
from typing import Any

from build.sandbox import replicas, tracer
from build.sandbox.codec import NotData, decode, encode, is_plain
from build.sandbox.contract import DrawRules
from build.sandbox.sizes import fits

PROGRAM_FILE = "<program>"
DETAIL_LENGTH = 300

# Bound before foreign code can replace them.
_SYSTEM_LIMIT = sys.getrecursionlimit()
_set_recursion_limit, _set_trace, _set_profile = sys.setrecursionlimit, sys.settrace, sys.setprofile
_modules = sys.modules
_type_name = type.__dict__["__name__"].__get__
_set_timer, _TIMER = signal.setitimer, signal.ITIMER_PROF

# Why a draw gave no pair, in the order of the counters on the shared page (its first counter is the number of draws).
REASONS = (
    "generator_exception",
    "not_a_dict",
    "not_finite",
    "not_unicode",
    "too_deep",
    "not_json",
    "too_large",
    "input_too_large",
    "input_changed",
    "duplicate",
    "exception",
    "none_output",
    "output_too_large",
    "memory",
    "timeout",
)

Emit = Callable[[dict[str, Any]], object]


class LoadError(Exception):
    """The source does not compile, its module body raises, or the entry point is missing."""


class OverLines(BaseException):
    """A call has executed as many lines of the program as it may."""


class LineLimit:
    """Lets the program execute so many of its own lines, module level included; `over` once it has tried to go on."""

    def __init__(self, most: int) -> None:
        self.left = most

    @property
    def over(self) -> bool:
        return self.left < 0

    def on_call(self, frame: FrameType, event: str, arg: Any) -> Any:
        return self.on_line if frame.f_code.co_filename == PROGRAM_FILE else None

    def on_line(self, frame: FrameType, event: str, arg: Any) -> Any:
        if event == "line":
            self.left -= 1
            if self.left < 0:
                raise OverLines
        return self.on_line


class Runner:
    """One program in one replica; every call from fresh module state, fresh RNGs, the replica's clock at its start."""

    def __init__(self, job: Mapping[str, Any], clock: replicas.Clock, start: Callable[[], None]) -> None:
        self.entry = job["entry"]
        self.rng_seed = job["rng_seed"]
        self.clock_replica = job["clock_replica"]
        self.result_bytes = job["result_bytes"]
        self.lines = job["lines"]
        self.clock = clock
        self.start = start
        self.code = compile_source(job["code"], PROGRAM_FILE)
        self.modules = dict(_modules)

    def load(self) -> Callable[..., Any]:
        """The entry function of a newly executed module. Raises `LoadError`."""
        return entry_of(execute(self.code, "program"), self.entry)

    def reset(self) -> None:
        _set_recursion_limit(_SYSTEM_LIMIT)
        if not all(map(is_, map(_modules.get, self.modules), self.modules.values())):
            _modules.update(self.modules)  # a call before has taken modules away, which is its own affair
        replicas.seed(self.rng_seed)
        self.clock.reset(self.clock_replica)

    def call(self, text: str, given: dict[str, Any] | None = None) -> dict[str, Any]:
        """One call on one input text (or on the objects `given`), as the fields of a `CallResult`; raises nothing."""
        began = replicas.real_cpu()
        self.start()
        status, value, detail = "ok", None, ""
        limit = None if self.lines is None else LineLimit(self.lines)
        try:
            self.reset()
            arguments = decode(text) if given is None else given
            if limit is not None:
                _set_trace(limit.on_call)
            output = self.load()(**arguments)
            _set_trace(None)
            _settle()
            value = self.encode(output)
        except OverLines:
            _settle()
        except LoadError as error:
            _settle()
            status, detail = "load_error", str(error)
        except MemoryError:
            _settle()
            status, detail = "memory", "MemoryError"
        except NotData as error:
            status, detail = "not_data", str(error)
        except BaseException as error:
            _settle()
            status, detail = "exception", describe(error)
        if limit is not None and limit.over:  # also where the program has caught it
            status, value, detail = "timeout", None, f"over {self.lines} lines"
        return {"status": status, "value": value, "detail": detail, "cpu_s": replicas.real_cpu() - began}

    def encode(self, value: Any) -> str:
        """Canonical JSON within the size limit; raises `NotData`."""
        text = encode(value)
        if len(text) > self.result_bytes:
            raise NotData("too_large", f"{len(text)} characters of JSON")
        return text


def run_call(
    job: Mapping[str, Any], clock: replicas.Clock, emit: Emit, start: Callable[[], None], count: Callable[[int], None]
) -> None:
    """A message per input, in the order of the inputs. `count(0)` is a call begun."""
    try:
        runner = Runner(job, clock, start)
    except LoadError as error:
        for _ in job["inputs"]:
            emit({"status": "load_error", "value": None, "detail": str(error), "cpu_s": 0.0})
        return
    for text in job["inputs"]:
        count(0)
        emit(runner.call(text))


def run_draw(
    job: Mapping[str, Any],
    clock: replicas.Clock,
    emit: Emit,
    start: Callable[[], None],
    count: Callable[[int], None],
    begin: Callable[[str], None],
) -> None:
    """A message per pair, then the exceptions by type. `count(0)`: a draw; `count(1 + i)`: lost, REASONS[i].

    `begin` notes the input of the call that comes next, and "" when a draw begins.
    """
    rules = DrawRules(**job["rules"])
    seen = set(job["seen"])
    found = job["found"]
    types: dict[str, int] = {}

    def reject(reason: str) -> None:
        count(1 + REASONS.index(reason))

    try:
        runner = Runner(job, clock, start)
        start()
        runner.reset()
        names = execute(runner.code, "program")
        entry_of(names, runner.entry)
        generator_code = compile_source(job["generator"], "<generator>")
        generate = entry_of(execute(generator_code, "generator", names), "input_generator")
    except LoadError as error:
        emit({"failure": "load_error", "detail": str(error)})
        return
    for number in range(job["drawn"], rules.draws):
        if found >= rules.distinct:
            break
        count(0)
        begin("")
        start()
        # Each draw has a seed of its own: what the program did with the RNGs in between does not matter, and drawing can
        # go on at any number in another child. Saving and restoring their state instead costs 0.1 ms a draw.
        replicas.seed((job["seed"] + number * 0x9E3779B97F4A7C15) % 2**63)
        try:
            arguments = generate()
            if not isinstance(arguments, dict):
                reject("not_a_dict")
                continue
            text = runner.encode(arguments)
            given = None if is_plain(arguments) else deepcopy(arguments)
        except NotData as error:
            reject(error.reason)
            continue
        except MemoryError:
            reject("memory")
            continue
        except BaseException as error:
            types[name_of(error)] = types.get(name_of(error), 0) + 1
            reject("generator_exception")
            continue
        if text in seen:
            reject("duplicate")
            continue
        seen.add(text)
        if not fits(decode(text), rules):
            reject("input_too_large")
            continue
        begin(text)
        result = runner.call(text)
        if result["status"] != "ok":
            if result["status"] == "load_error":
                emit({"failure": "load_error", "detail": result["detail"]})
                return
            reason = result["detail"].split(":")[0] if result["status"] == "not_data" else result["status"]
            if reason == "exception":
                kind = result["detail"].split(":")[0]
                types[kind] = types.get(kind, 0) + 1
            reject(reason)
        elif result["value"] == "null":
            reject("none_output")
        elif not fits(decode(result["value"]), rules):
            reject("output_too_large")
        elif (
            given is not None
            and (told := runner.call(text, given))["status"] == "ok"
            and told["value"] != result["value"]
        ):
            reject("input_changed")  # JSON has no tuples, sets or int keys, and to this program it matters
        else:
            found += 1
            emit({"input": text, "output": result["value"]})
    emit({"exceptions": types})


def run_trace(
    job: Mapping[str, Any], clock: replicas.Clock, emit: Emit, start: Callable[[], None], count: Callable[[int], None]
) -> None:
    """A message per input, in order: the result, the events and whether they were cut. `count(0)` is a call begun."""

    def load(code: CodeType, hooks: Mapping[str, Any]) -> Callable[..., Any]:
        return entry_of(execute(code, "program", hooks), job["entry"])

    failure = ""
    try:
        runner = Runner(job, clock, start)
        watched = tracer.Watched(job["code"], PROGRAM_FILE)
    except LoadError as error:
        failure = str(error)
    for text in job["inputs"]:
        count(0)
        began = replicas.real_cpu()
        start()
        events: list[dict[str, Any]] = []
        truncated = False
        try:
            if failure:
                raise LoadError(failure)
            runner.reset()
            result, events, truncated = tracer.trace_call(watched, load, decode(text), job["max_events"])
        except LoadError as error:
            result = {"status": "load_error", "value": None, "detail": str(error)}
        _settle()
        emit({"result": result | {"cpu_s": replicas.real_cpu() - began}, "events": events, "truncated": truncated})


def arm(seconds: float) -> None:
    """End this process by SIGPROF after so many further seconds of CPU; its default action needs no interpreter."""
    _set_timer(_TIMER, max(seconds, 0.001))


def _settle() -> None:
    """Undo what foreign code may have set for the code that runs after it."""
    _set_trace(None)
    _set_profile(None)
    _set_recursion_limit(_SYSTEM_LIMIT)


def compile_source(source: str, filename: str) -> CodeType:
    """Raises `LoadError` for whatever `compile` raises on a source text."""
    try:
        return compile(source, filename, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, OverflowError, UnicodeError) as error:
        raise LoadError(describe(error)) from error


def execute(code: CodeType, name: str, names: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The namespace after running code as a new module, in `sys.modules` because dataclasses and pickle look there."""
    module = ModuleType(name)
    if names:
        module.__dict__.update({key: value for key, value in names.items() if not key.startswith("__")})
    _modules[name] = module
    try:
        exec(code, module.__dict__)
    except (MemoryError, OverLines):
        raise
    except BaseException as error:
        raise LoadError(describe(error)) from error
    return module.__dict__


def entry_of(names: Mapping[str, Any], entry: str) -> Callable[..., Any]:
    function = names.get(entry)
    if not callable(function):
        raise LoadError(f"no function {entry}")
    return function


def name_of(error: BaseException) -> str:
    """The name of an exception's type, whatever its metaclass says."""
    return str(_type_name(type(error)))[:80]


def describe(error: BaseException) -> str:
    """Exception type and message; the message is foreign code too and may fail or lie, but not grow."""
    try:
        text = str.__str__(str(error))  # a subclass of str would bring its own methods along
    except BaseException:
        text = "(no message)"
    return f"{name_of(error)}: {text}"[:DETAIL_LENGTH].encode("utf-8", "replace").decode("utf-8")
