"""Any OpenAI-compatible endpoint, or several: vLLM, SGLang, `transformers serve`, a commercial API.

One client and one event loop for the life of a worker. Requests about one function go to one endpoint, so that its prefix
cache sees them together; one that fails there is tried at the next. What is tried again: too many requests (429, and 503
with Retry-After), other 5xx, time-outs, cut connections, answers that are no answers. A request that goes on failing while
others are answered is its own fault and a failure by name; when nothing at all is answered any more, the run stops.

Keys come from the environment, go into one header, and are cut out of everything that comes back.
"""

import asyncio
import json
import os
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    stop_after_attempt,
    stop_after_delay,
    stop_all,
    wait_random_exponential,
)

from build.recipe import RecipeError
from build.recipe import Teacher as TeacherRecipe
from build.records import Usage
from build.store import RunError
from build.teachers.base import Completion
from build.teachers.gate import Gate
from build.teachers.llm import Ask

_TRIES = 8  # at least, however quickly they fail
_CONNECT_S = 10.0
_TRY_AGAIN = {408, 409, 425}
_NOT_THIS_REQUEST = {401, 402, 403, 404, 405}  # no request can succeed before somebody mends something
_HIDDEN = "[key]"
_SECRET = 12  # characters; shorter keys are words such as EMPTY, which local servers take and answers may hold


class _Again(Exception):
    """An attempt that may succeed when it is repeated; `wait_s` is how long the server asked to wait."""

    def __init__(self, what: str, wait_s: float = 0.0) -> None:
        super().__init__(what)
        self.wait_s = wait_s


class Endpoints:
    """The endpoints of a recipe. Raises `RecipeError` when the key's variable is not set."""

    def __init__(self, recipe: TeacherRecipe) -> None:
        self.recipe = recipe
        self.key = os.environ.get(recipe.key_variable, "") if recipe.key_variable else ""
        if recipe.key_variable and not self.key:
            raise RecipeError(f"`teacher.key_variable`: the environment has no {recipe.key_variable}; export it first.")
        self._runner = asyncio.Runner()
        self._client: aiohttp.ClientSession | None = None
        self._gates = [Gate(recipe.concurrency) for _ in recipe.endpoints]
        self._proxies = [_proxy(url) for url in recipe.endpoints]
        self._last_answer = 0.0
        self._backoff = wait_random_exponential(multiplier=0.5, max=min(30.0, recipe.patience_s / 4))

    def answer(
        self, asks: Sequence[Ask], may_send: Callable[[], bool], heard: Callable[[int, Completion], None]
    ) -> None:
        """See `build.teachers.llm.Model`. Raises `RunError` when no endpoint answers, or refuses everything."""
        try:
            self._runner.run(self._answer_all(asks, may_send, heard))
        except ExceptionGroup as group:
            raise group.exceptions[0] from group

    def close(self) -> None:
        if self._client is not None:
            self._runner.run(self._client.close())
        self._runner.close()

    async def _answer_all(
        self, asks: Sequence[Ask], may_send: Callable[[], bool], heard: Callable[[int, Completion], None]
    ) -> None:
        if self._client is None:
            headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
            self._client = aiohttp.ClientSession(
                headers=headers | {"Content-Type": "application/json"},
                timeout=aiohttp.ClientTimeout(total=self.recipe.timeout_s, connect=_CONNECT_S),
                connector=aiohttp.TCPConnector(limit=0),  # the gates are the limit
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        waiting = iter(enumerate(asks))

        async def work(waiting: Iterator[tuple[int, Ask]]) -> None:
            for number, ask in waiting:
                if not may_send():
                    return
                heard(number, await self._ask(ask))

        async with asyncio.TaskGroup() as group:
            for _ in range(min(len(asks), self.recipe.concurrency * len(self._gates))):
                group.create_task(work(waiting))

    async def _ask(self, ask: Ask) -> Completion:
        """An answer, or a failure that is this request's own."""
        body = json.dumps(self._body(ask))
        home = zlib.crc32(_prefix(ask).encode("utf-8", "surrogatepass"))
        started = time.monotonic()
        patience = stop_after_delay(self.recipe.patience_s)
        try:
            async for attempt in AsyncRetrying(
                retry=retry_if_exception_type(_Again),
                stop=stop_all(stop_after_attempt(_TRIES), patience),
                wait=self._wait,
                reraise=True,
            ):
                with attempt:
                    turn = home + attempt.retry_state.attempt_number - 1
                    completion = await self._once(turn % len(self._gates), body)
        except _Again as error:
            if self._last_answer > started:
                return Completion("", failure=f"unanswered_{error}")
            raise RunError(
                f"the endpoints {', '.join(self.recipe.endpoints)} have answered nothing for {self.recipe.patience_s:g} s "
                f"(last: {error}); see to them and run the same command again, nothing that was answered is asked twice."
            ) from error
        self._last_answer = time.monotonic()
        return completion

    def _wait(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.wait_s if isinstance(error, _Again) else 0.0
        return 0.0 if asked else self._backoff(state)  # the gate does the waiting that the server asked for

    async def _once(self, index: int, body: str) -> Completion:
        assert self._client is not None
        gate, url = self._gates[index], self.recipe.endpoints[index]
        turn = await gate.enter()
        try:
            place = f"{url.rstrip('/')}/chat/completions"
            sent = self._client.post(place, data=body.encode(), proxy=self._proxies[index], allow_redirects=False)
            async with sent as response:
                text = self._hide(await response.text(errors="replace"))
            if response.status == 200:
                completion = _read(text)
                gate.served()
                return completion
            wait_s = min(_retry_after(response.headers.get("Retry-After", "")), self.recipe.patience_s)
            if response.status == 429 or (response.status == 503 and wait_s):
                gate.refused(turn, wait_s)
                raise _Again(f"http_{response.status}", wait_s)
        except TimeoutError as error:
            raise _Again("timeout") from error
        except aiohttp.InvalidURL as error:
            raise RunError(f"the endpoint {url} is no usable URL: {error}") from error
        except aiohttp.ClientError as error:
            raise _Again(type(error).__name__) from error
        finally:
            gate.leave()
        return self._refusal(url, response.status, text)

    def _refusal(self, url: str, status: int, text: str) -> Completion:
        if status >= 500 or status in _TRY_AGAIN:
            raise _Again(f"http_{status}")
        told = " ".join(text.split())[:300]
        if status in _NOT_THIS_REQUEST or status < 400:
            hint = f"the key in {self.recipe.key_variable}" if self.recipe.key_variable else "`teacher.key_variable`"
            raise RunError(f"the endpoint {url} answers {status} ({told}); check the URL, the model's name and {hint}.")
        return Completion(told, failure=f"http_{status}")

    def _hide(self, text: str) -> str:
        return text.replace(self.key, _HIDDEN) if len(self.key) >= _SECRET else text

    def _body(self, ask: Ask) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self.recipe.model,
            "messages": [{"role": message.role, "content": message.content} for message in ask.request.messages],
            "max_tokens": ask.max_tokens,
            "temperature": ask.temperature,
            "seed": ask.seed,
        }
        if ask.request.schema:
            schema = {"name": "answer", "schema": json.loads(ask.request.schema), "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        return body


def _proxy(url: str) -> str | None:
    """The proxy that the environment names for an endpoint. (aiohttp's own way there also reads ~/.netrc, at each request.)"""
    parts = urlsplit(url)
    return None if proxy_bypass(parts.hostname or "") else getproxies().get(parts.scheme)


def _prefix(ask: Ask) -> str:
    """What requests about one function have in common in either prompt order."""
    return ask.request.messages[0].content[:80]


def _retry_after(text: str) -> float:
    """Seconds that the server asks to wait (RFC 9110: a number or a date); 0 when it asks nothing."""
    try:
        return max(float(text), 0.0)
    except ValueError:
        pass
    try:
        return max(parsedate_to_datetime(text).timestamp() - time.time(), 0.0)
    except (ValueError, TypeError):
        return 0.0


def _read(text: str) -> Completion:
    """The answer in a response's body; `_Again` when it is none."""
    try:
        data = json.loads(text)
        choice = data["choices"][0]
        message = choice["message"]
        usage = data.get("usage") or {}
        answer, thought = message.get("content"), message.get("reasoning_content") or message.get("reasoning")
        if not isinstance(answer or "", str) or not isinstance(thought or "", str):
            raise TypeError("the content is no text")
        return Completion(
            _utf8(answer or ""),
            _utf8(str(choice.get("finish_reason") or "unknown")),
            Usage(1, int(usage.get("prompt_tokens") or 0), int(usage.get("completion_tokens") or 0)),
            "",
            _utf8(thought or ""),
        )
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise _Again("garbage") from error


def _utf8(text: str) -> str:
    """The text without lone surrogates, which JSON escapes can smuggle in and no file can hold."""
    return text.encode("utf-8", "replace").decode()
