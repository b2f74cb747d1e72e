"""Makes two replicas for foreign code: what a function can see besides its arguments is fixed in each and differs between
them.

Replica 1 and 2 are two warm parents with different hash seeds (and so also different addresses). Inside a job, every call
starts with the RNGs of `random` and numpy freshly seeded and with a clock that belongs to the replica: it starts at a
fixed moment and moves on by a fixed step whenever it is read; `time.sleep` only moves it. So a run gives the same bytes
on every machine and day, and what depends on hash order, random numbers or time differs between the replicas.

Covered: everything in `time`, `datetime.now/utcnow/today`, `date.today`, `random`, `numpy.random`'s global state.
Not seeded, but different every time, which is as good: `os.urandom`, `secrets`, `uuid4`, `numpy.random.default_rng()`.
Not covered: clocks read by C libraries on their own (numpy's `datetime64("now")`), file times.
"""

import ctypes
import datetime
import gc
import random
import sys
import time
from collections.abc import Callable
from typing import Any

HASH_SEEDS = {1: 101, 2: 202}
_STARTS = {
    1: (1_700_000_000.0, 1000.0, 0.001),
    2: (1_741_234_567.0, 52_000.5, 0.0017),
}  # epoch, monotonic, step; seconds

real_cpu = time.thread_time  # not process_time: with a CPU timer armed that one only moves with the tick
real_monotonic = time.monotonic


class Clock:
    """The time of one replica. `reset` before every call."""

    def __init__(self) -> None:
        self.reset(1)

    def reset(self, replica: int) -> None:
        self._epoch, self._monotonic, self._step = _STARTS[replica]
        self._elapsed = 0.0

    def epoch(self) -> float:
        self._elapsed += self._step
        return self._epoch + self._elapsed

    def monotonic(self) -> float:
        self._elapsed += self._step
        return self._monotonic + self._elapsed

    def sleep(self, seconds: float) -> None:
        if seconds < 0:
            raise ValueError("sleep length must be non-negative")
        self._elapsed += seconds


def install(clock: Clock) -> None:
    """Put the clock under `time` and `datetime` of this interpreter; call it before modules that bind `time.time`."""
    for name, read in (
        ("time", clock.epoch),
        ("monotonic", clock.monotonic),
        ("perf_counter", clock.monotonic),
        ("process_time", clock.monotonic),
        ("thread_time", clock.monotonic),
    ):
        setattr(time, name, _function(name, read))
        setattr(time, f"{name}_ns", _nanoseconds(f"{name}_ns", read))
    is_epoch = {time.CLOCK_REALTIME}
    time.clock_gettime = lambda clk_id: clock.epoch() if clk_id in is_epoch else clock.monotonic()
    time.clock_gettime_ns = lambda clk_id: int(time.clock_gettime(clk_id) * 1e9)
    time.sleep = clock.sleep  # type: ignore[assignment]
    for name in ("localtime", "gmtime", "ctime"):
        setattr(time, name, _from_now(getattr(time, name), clock))
    strftime, asctime, localtime = time.strftime, time.asctime, time.localtime
    time.strftime = lambda format, t=None: strftime(format, localtime() if t is None else t)
    time.asctime = lambda t=None: asctime(localtime() if t is None else t)
    _patch_datetime(clock)


def seed(number: int) -> None:
    """Seed the global RNGs of `random` and, when it is loaded, of numpy."""
    _seed_random(number)
    if (numpy_random := _modules.get("numpy.random")) is not None:
        numpy_random.seed(number % 2**32)


# Bound here, before foreign code can replace them.
_modules = sys.modules
_seed_random = random.seed


def _function(name: str, read: Callable[[], float]) -> Callable[[], float]:
    def now() -> float:
        return read()

    now.__name__ = now.__qualname__ = name
    return now


def _nanoseconds(name: str, read: Callable[[], float]) -> Callable[[], int]:
    def now_ns() -> int:
        return int(read() * 1e9)

    now_ns.__name__ = now_ns.__qualname__ = name
    return now_ns


def _from_now(convert: Callable[[float], Any], clock: Clock) -> Callable[..., Any]:
    return lambda seconds=None: convert(clock.epoch() if seconds is None else seconds)


def _patch_datetime(clock: Clock) -> None:
    """Replace `datetime.now` and `utcnow` in the C type itself (`today` asks `time.time`), so that the type stays the
    same.

    The dictionary of a static type is only reachable through the garbage collector; CPython then has to be told.
    """

    def now(cls: type[datetime.datetime], tz: datetime.tzinfo | None = None) -> datetime.datetime:
        return cls.fromtimestamp(clock.epoch(), tz)

    def utcnow(cls: type[datetime.datetime]) -> datetime.datetime:
        return cls.fromtimestamp(clock.epoch(), datetime.UTC).replace(tzinfo=None)

    names = gc.get_referents(datetime.datetime.__dict__)[0]
    names["now"], names["utcnow"] = classmethod(now), classmethod(utcnow)
    ctypes.pythonapi.PyType_Modified(ctypes.py_object(datetime.datetime))
