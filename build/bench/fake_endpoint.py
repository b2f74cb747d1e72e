"""A loopback endpoint that speaks enough of the OpenAI protocol to be asked, and fails on purpose: for tests and benches.

It answers by a function, or hands requests on to a real server (`forward_to`) and so puts its faults in front of it. Which
arrival fails, and how, depends on the request's content and on how often it came, never on time, so a fault ends.
"""

import asyncio
import hashlib
import json
import threading
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import httpx2

from build.teachers.openai import PLAIN_QUESTION

FAULTS = ("429", "500", "cut", "hang", "garbage", "slow")


@dataclass(frozen=True, slots=True)
class Raw:
    """A response as it goes over the wire, for what real servers send instead of a completion."""

    status: int
    body: str
    headers: str = ""  # lines that end in CRLF


Reply = Callable[[dict[str, Any]], Awaitable[dict[str, Any] | Raw]]


@dataclass(frozen=True, slots=True)
class Faults:
    """`share` of the arrivals fail, in equal parts by each of `kinds`; `hang_s` is how long a hang lasts."""

    share: float = 0.0
    kinds: tuple[str, ...] = FAULTS
    retry_after: str = "0.05"
    hang_s: float = 30.0
    slow_s: float = 0.005  # between two pieces of an answer


def completion(
    text: str, finish_reason: str = "stop", prompt_tokens: int = 10, completion_tokens: int = 5
) -> dict[str, Any]:
    """A chat completion's body."""
    return {
        "object": "chat.completion",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish_reason}],
        "usage": {"prompt_tokens": prompt_tokens, "completion_tokens": completion_tokens},
    }


def forward_to(url: str) -> Reply:
    """Replies that come from a real endpoint."""
    client = httpx2.AsyncClient(timeout=600.0)

    async def reply(body: dict[str, Any]) -> dict[str, Any]:
        response = await client.post(f"{url}/chat/completions", json=body)
        response.raise_for_status()
        return dict(response.json())

    return reply


class FakeEndpoint:
    """A server in a thread of its own, on a free port.

        with FakeEndpoint(reply) as server:
            server.url, server.arrived, server.answered   # how often each request came, and was answered in full

    `most` is the number of requests at once above which it answers 429; `page` is what a request without content gets.
    """

    def __init__(
        self,
        reply: Reply,
        faults: Faults | None = None,
        most: int = 10**9,
        port: int = 0,
        page: Callable[[], str] = str,
    ) -> None:
        self.reply = reply
        self.page = page
        self.faults = faults or Faults()
        self.most = most
        self.port = port
        self.arrived: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self.greetings = 0  # plain questions; they are in neither of the other counts
        self.headers: list[str] = []  # of the last request
        self.highest = 0
        self._active = 0
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def __enter__(self) -> "FakeEndpoint":
        self._thread.start()
        self._started.wait()
        return self

    def __exit__(self, *exc: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", self.port))
        self.port = server.sockets[0].getsockname()[1]
        self._started.set()
        self._loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (head := await reader.readuntil(b"\r\n\r\n")) and await self._exchange(head, reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _exchange(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request and its answer; False when the connection ends with it."""
        self.headers = head.decode("latin-1").split("\r\n")
        lengths = [line for line in self.headers if line.lower().startswith("content-length:")]
        content = await reader.readexactly(int(lengths[0].split(":")[1])) if lengths else b""
        if not content:
            writer.write(_response(200, self.page().encode()))
            return True
        key = hashlib.sha256(content).hexdigest()
        if PLAIN_QUESTION[0].content.encode() in content:
            key = ""  # it is asked of a server, not for a run
            self.greetings += 1
        else:
            self.arrived[key] += 1
        fault = "429" if self._active >= self.most else self._fault(key)
        self._active += 1
        self.highest = max(self.highest, self._active)
        try:
            return await self._respond(key, fault, content, writer)
        finally:
            self._active -= 1

    async def _respond(self, key: str, fault: str, content: bytes, writer: asyncio.StreamWriter) -> bool:
        if fault:
            self.failed[fault] += 1
        if fault == "hang":
            await asyncio.sleep(self.faults.hang_s)
            return False
        if fault == "429":
            writer.write(_response(429, b"{}", f"Retry-After: {self.faults.retry_after}\r\n"))
        elif fault == "500":
            writer.write(_response(500, b"oops"))
        elif fault == "garbage":
            writer.write(_response(200, b'{"choices": [{"mess'))
        else:
            answer = await self.reply(json.loads(content))
            if isinstance(answer, Raw):
                whole = _response(answer.status, answer.body.encode("utf-8", "surrogatepass"), answer.headers)
            else:
                whole = _response(200, json.dumps(answer).encode())
            if fault == "cut":
                writer.write(whole[: len(whole) // 2])
                await writer.drain()
                return False
            step = 40 if fault == "slow" else len(whole)
            for start in range(0, len(whole), step):
                writer.write(whole[start : start + step])
                await writer.drain()
                if fault == "slow":
                    await asyncio.sleep(self.faults.slow_s)
            if key:
                self.answered[key] += 1
        await writer.drain()
        return True

    def _fault(self, key: str) -> str:
        drawn = hashlib.sha256(f"{key} {self.arrived[key]}".encode()).digest()
        failed = int.from_bytes(drawn[:4], "big") / 2**32 < self.faults.share
        return self.faults.kinds[drawn[4] % len(self.faults.kinds)] if failed else ""


def _response(status: int, body: bytes, headers: str = "") -> bytes:
    head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
    return head.encode() + body
