"""Limits how many requests an endpoint gets at once: as many as the recipe says, fewer while the server says "too many"."""

import asyncio
import time
from collections import deque


class RateLimiter:
    """Additive increase, multiplicative decrease (as in TCP's congestion control), and pauses that the server asks for.

        turn = await limiter.enter()
        ...                           # send; then limiter.served(), or limiter.refused(turn, seconds)
        limiter.leave()

    `most` is the limit it starts at and never exceeds. First come, first served. One event loop only.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.limit = float(most)
        self._active = 0
        self._cuts = 0
        self._closed_until = 0.0
        self._waiting: deque[asyncio.Future[int]] = deque()
        self._opens: asyncio.TimerHandle | None = None

    async def enter(self) -> int:
        """Wait for a place. The number returned tells `refused` what the limit was when this request set out."""
        place: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        self._admit()
        try:
            return await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():  # it had just been given a place
                self.leave()
            raise

    def leave(self) -> None:
        self._active -= 1
        self._admit()

    def served(self) -> None:
        self.limit = min(self.limit + 1 / self.limit, float(self.most))

    def refused(self, turn: int, wait_s: float) -> None:
        """The server said "too many": halve the limit, once for all that set out under it, and wait as long as it said."""
        if turn == self._cuts:
            self._cuts += 1
            self.limit = max(self.limit / 2, 1.0)
        self._closed_until = max(self._closed_until, time.monotonic() + wait_s)

    def _admit(self) -> None:
        """Give the free places to those who have waited longest; during a pause, when it is over."""
        pause = self._closed_until - time.monotonic()
        if pause > 0:
            if self._opens is None:
                self._opens = asyncio.get_running_loop().call_later(pause, self._open)
            return
        while self._waiting and self._active < int(self.limit):
            place = self._waiting.popleft()
            if not place.done():
                self._active += 1
                place.set_result(self._cuts)

    def _open(self) -> None:
        self._opens = None
        self._admit()
