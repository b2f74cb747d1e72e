"""Limits how many requests an endpoint gets at once: as many as the recipe says, fewer while the server says "too many"."""

import asyncio
import random
import time


class RateLimiter:
    """Additive increase, multiplicative decrease (as in TCP's congestion control), and pauses that the server asks for.

        turn = await limiter.enter()
        ...                           # send; then limiter.served(), or limiter.refused(turn, seconds)
        limiter.leave()

    `most` is the limit it starts at and never exceeds. One event loop only.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.limit = float(most)
        self._active = 0
        self._cuts = 0
        self._closed_until = 0.0
        self._waiting: list[asyncio.Future[None]] = []

    async def enter(self) -> int:
        """Wait for a place. The number returned tells `refused` what the limit was when this request set out."""
        while True:
            pause = self._closed_until - time.monotonic()
            if pause > 0:  # spread, so that not all come back in one moment
                await asyncio.sleep(pause + random.uniform(0, 0.1))
            elif self._active < int(self.limit):
                self._active += 1
                return self._cuts
            else:
                place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                self._waiting.append(place)
                await place

    def leave(self) -> None:
        self._active -= 1
        free = int(self.limit) - self._active
        while free > 0 and self._waiting:
            place = self._waiting.pop()
            if not place.done():
                place.set_result(None)
                free -= 1

    def served(self) -> None:
        self.limit = min(self.limit + 1 / self.limit, float(self.most))

    def refused(self, turn: int, wait_s: float) -> None:
        """The server said "too many": halve the limit, once for all that set out under it, and wait as long as it said."""
        if turn == self._cuts:
            self._cuts += 1
            self.limit = max(self.limit / 2, 1.0)
        self._closed_until = max(self._closed_until, time.monotonic() + wait_s)
