"""Asks one or several OpenAI-compatible endpoints: vLLM, SGLang, `transformers serve`, a commercial API.

One client and one event loop for the life of a worker. Requests about one function go to one endpoint, so that its prefix
cache sees them together; one that fails there is tried at the next. What is tried again: too many requests (429, and 503
with Retry-After), other 5xx, time-outs, cut connections, answers that are no answers. When a request has failed long enough,
a plain question tells whose fault it is: if that is answered, the request is a failure by name, else the run stops. So does
it when a first request is refused (400 and the like) and the plain question too: then the recipe asks for what the server
does not have. Too many requests is no failure as long as any request is answered.

Keys come from the environment, go into one header, and are cut out of everything that comes back.
"""

import asyncio
import json
import os
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    wait_random_exponential,
)

from build.core.chat import Completion, Message, Request
from build.core.config import TeacherConfig
from build.core.errors import ConfigError, RunError
from build.core.records import Usage
from build.teachers.base import Question
from build.teachers.client import Ask
from build.teachers.rate_limit import RateLimiter

_TRIES = 8  # at least, however quickly they fail
_TIMEOUTS = 4  # at the most: the server may have worked on each to the end
_PLAIN_QUESTION = (Message("user", "What is 1 + 1?"),)
_CONNECT_S = 10.0
_TRY_AGAIN = {408, 409, 425}
_NOT_THIS_REQUEST = {401, 402, 403, 404, 405}  # no request can succeed before somebody mends something
_HIDDEN = "[key]"
_SECRET = 12  # characters; shorter keys are words such as EMPTY, which local servers take and answers may hold


class _Again(Exception):
    """An attempt that may succeed when it is repeated.

    `wait_s` is how long the server asked to wait; `busy`: it only had too many requests.
    """

    def __init__(self, what: str, wait_s: float = 0.0, *, busy: bool = False) -> None:
        super().__init__(what)
        self.wait_s = wait_s
        self.busy = busy


class Endpoints:
    """The endpoints of a recipe. Raises `ConfigError` when the key's variable is not set."""

    def __init__(self, recipe: TeacherConfig) -> None:
        self.recipe = recipe
        self.key = os.environ.get(recipe.key_variable, "").strip() if recipe.key_variable else ""
        if recipe.key_variable and not self.key:
            raise ConfigError(f"`teacher.key_variable`: the environment has no {recipe.key_variable}; export it first.")
        self._runner = asyncio.Runner()
        self._client: aiohttp.ClientSession | None = None
        self._gates = [RateLimiter(recipe.concurrency) for _ in recipe.endpoints]
        self._proxies = [_proxy(url) for url in recipe.endpoints]
        self.last_answer = 0.0
        self._accepted: set[tuple[str, int]] = set()  # `_settings` of requests that were answered
        self.error: RunError | None = None
        self._backoff = wait_random_exponential(multiplier=0.5, max=min(30.0, recipe.patience_s / 4))

    def answer(
        self, asks: Sequence[Ask], may_send: Callable[[], bool], heard: Callable[[int, Completion], None]
    ) -> None:
        """See `build.teachers.client.Model`. Raises `RunError` when no endpoint answers, or refuses everything."""
        self.error = None
        self._runner.run(self._answer_all(asks, may_send, heard))
        if self.error:
            raise self.error

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
                connector=aiohttp.TCPConnector(limit=0),  # the limiters are the limit
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        waiting = iter(enumerate(asks))

        async def work(waiting: Iterator[tuple[int, Ask]]) -> None:
            for number, ask in waiting:
                if self.error or not may_send():
                    return
                try:
                    heard(number, await self._ask(ask))
                except RunError as error:  # what is under way is paid for, so it is waited for
                    self.error = self.error or error

        async with asyncio.TaskGroup() as group:
            for _ in range(min(len(asks), self.recipe.concurrency * len(self._gates))):
                group.create_task(work(waiting))

    async def _ask(self, ask: Ask) -> Completion:
        """An answer, or a failure that is this request's own."""
        completion = await self._tried(ask)
        if completion.failure.startswith("http_") and _settings(ask) not in self._accepted:
            await self._living(ask)
        return completion

    async def _tried(self, ask: Ask) -> Completion:
        home = zlib.crc32(_subject(ask).encode("utf-8", "surrogatepass"))
        attempts = AsyncRetrying(
            retry=retry_if_exception_type(_Again), stop=_Patience(self), wait=self._wait, reraise=True
        )
        try:
            async for attempt in attempts:
                with attempt:
                    turn = home + attempt.retry_state.attempt_number - 1
                    completion = await self._once(turn % len(self._gates), ask)
            return completion
        except _Again as error:
            index = None if error.busy or self.error else await self._living(ask)
            if index is None:
                raise RunError(
                    f"the endpoints {', '.join(self.recipe.endpoints)} have answered nothing for {self.recipe.patience_s:g} s "
                    f"(last: {error}); see to them and run the same command again, nothing that was answered is asked twice."
                ) from error
        try:  # once more, as the server may just have come back
            return await self._once(index, ask)
        except _Again as error:
            return await self._tried(ask) if error.busy else Completion("", failure=f"unanswered_{error}")

    async def _living(self, ask: Ask) -> int | None:
        """The first endpoint that answers a plain question with this request's settings; `RunError` where it is refused."""
        plain = replace(ask, request=Request(_PLAIN_QUESTION, schema=ask.request.schema))
        for index, url in enumerate(self.recipe.endpoints):
            try:
                answer = await self._once(index, plain)
            except _Again as error:
                if error.busy and time.monotonic() - self.last_answer < self.recipe.patience_s:
                    return index
                continue
            if answer.failure.startswith("http_"):
                raise RunError(
                    f"the endpoint {url} refuses even a plain question ({answer.failure}: {answer.text}); change what the "
                    "recipe asks for, such as `teacher.max_tokens`, or what is sent, with `teacher.extra_body`."
                )
            return index
        return None

    def _wait(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.wait_s if isinstance(error, _Again) else 0.0
        return 0.0 if asked else self._backoff(state)  # the limiter does the waiting that the server asked for

    async def _once(self, index: int, ask: Ask) -> Completion:
        assert self._client is not None
        limiter, url = self._gates[index], self.recipe.endpoints[index]
        turn = await limiter.enter()
        try:
            place = f"{url.rstrip('/')}/chat/completions"
            body = json.dumps(self._body(ask)).encode()
            sent = self._client.post(place, data=body, proxy=self._proxies[index], allow_redirects=False)
            async with sent as response:
                text = self._hide(await response.text(errors="replace"))
            if response.status == 200:
                completion = _read(text)
                limiter.served()
                self.last_answer = time.monotonic()
                self._accepted.add(_settings(ask))
                return completion
            wait_s = min(_retry_after(response.headers.get("Retry-After", "")), self.recipe.patience_s)
            if response.status == 429 or (response.status == 503 and wait_s):
                limiter.refused(turn, wait_s)
                raise _Again(f"http_{response.status}", wait_s, busy=True)
        except TimeoutError as error:
            raise _Again("timeout") from error
        except aiohttp.InvalidURL as error:
            raise RunError(f"the endpoint {url} is no usable URL: {error}") from error
        except aiohttp.ClientError as error:
            raise _Again(type(error).__name__) from error
        finally:
            limiter.leave()
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
        return {key: value for key, value in (body | self.recipe.extra_body).items() if value is not None}


def _proxy(url: str) -> str | None:
    """The proxy that the environment names for an endpoint. (aiohttp's own way there also reads ~/.netrc, at each request.)"""
    parts = urlsplit(url)
    return None if proxy_bypass(parts.hostname or "") else getproxies().get(parts.scheme)


@dataclass(slots=True)
class _Patience:
    """When a request is given up: a `stop` of tenacity."""

    endpoints: Endpoints
    timeouts: int = 0

    def __call__(self, state: RetryCallState) -> bool:
        error = state.outcome.exception() if state.outcome else None
        assert isinstance(error, _Again)
        limit, waited = self.endpoints.recipe.patience_s, state.seconds_since_start or 0.0
        self.timeouts += str(error) == "timeout"
        if self.endpoints.error:
            return True
        if error.busy:
            return min(waited, time.monotonic() - self.endpoints.last_answer) > limit
        return self.timeouts >= _TIMEOUTS or (state.attempt_number >= _TRIES and waited > limit)


def _settings(ask: Ask) -> tuple[str, int]:
    """What a server may refuse, whatever the question."""
    return ask.request.schema, ask.max_tokens


def _subject(ask: Ask) -> str:
    """What requests have in common that should go to one endpoint: the function they are about, or the text itself."""
    request = ask.request
    return request.function.function.id if isinstance(request, Question) else request.messages[0].content


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
    """The answer in a response's body, or a failure where the server says that there is none; `_Again` for garbage."""
    try:
        data = json.loads(text)
        counts = data.get("usage") or {}
        usage = Usage(1, int(counts.get("prompt_tokens") or 0), int(counts.get("completion_tokens") or 0))
        if data["choices"] == []:
            return Completion("", failure="no_choice", usage=usage)
        choice = data["choices"][0]
        message = choice["message"]
        answer, thought = message.get("content"), message.get("reasoning_content") or message.get("reasoning")
        if isinstance(answer, list):  # parts of several kinds
            answer = "".join(part.get("text") or "" for part in answer)
        if not isinstance(answer or "", str) or not isinstance(thought or "", str):
            raise TypeError("the content is no text")
        reason = str(choice.get("finish_reason") or "unknown")
        return Completion(_utf8(answer or ""), _utf8(reason), usage, "", _utf8(thought or ""))
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError) as error:
        raise _Again("garbage") from error


def _utf8(text: str) -> str:
    """The text without lone surrogates, which JSON escapes can smuggle in and no file can hold."""
    return text.encode("utf-8", "replace").decode()
