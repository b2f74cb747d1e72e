"""Asks one or several OpenAI-compatible endpoints: vLLM, SGLang, `transformers serve`, a commercial API.

One client and one event loop, in a thread of its own, for the life of a worker. Several of its threads may ask at once: their
requests are one stream, first come, first served, so that no endpoint is idle while a shard ends. Requests about one function
go to one endpoint, so that its prefix cache sees them together; one that fails there is tried at the next. What is tried
again: too many requests (429, and 503 with Retry-After), other 5xx, time-outs, cut connections, answers that are no answers.
After five seconds a person is told. When a request has failed long enough, a plain question tells whose fault it is: if that
is answered, the request is a failure by name, else the run stops. So does it when a first request is refused (400 and the
like) and the plain question too: then the recipe asks for what the server does not have; and at once where nothing can help
before somebody mends something: a wrong key, an unknown model, an account without money. Too many requests is no failure as
long as any request is answered.

Keys come from the environment, go into one header, and are cut out of everything that comes back.
"""

import asyncio
import json
import os
import sys
import threading
import time
import zlib
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    wait_random_exponential,
)
from tqdm import tqdm

from build.core.chat import Completion, Message, Request
from build.core.config import TeacherConfig
from build.core.errors import ConfigError, RunError
from build.teachers.base import Question
from build.teachers.client import Ask
from build.teachers.rate_limit import RateLimiter
from build.teachers.response import ServerError, read_response

_TRIES = 8  # at least, however quickly they fail
_TIMEOUTS = 4  # at the most: the server may have worked on each to the end
PLAIN_QUESTION = (Message("user", "What is 1 + 1?"),)
_CONNECT_S = 10.0
TELL_AFTER_S = 5.0
_BROKEN = {
    "http_500",
    "http_501",
    "garbage",
    "error_in_answer",
    "ClientConnectorDNSError",
    "ClientConnectorCertificateError",
}
_BROKEN_S = (
    30.0  # that these may last when a plain question is asked before a run; a server that is starting up gets more
)
_HIDDEN = "[key]"
_SECRET = 12  # characters; shorter keys are words such as EMPTY, which local servers take and answers may hold


T = TypeVar("T")


@dataclass(slots=True)
class _Batch:
    """Asks that came together, one or more. `left`: how many are not dealt with; `refused`: nothing more of it is sent."""

    may_send: Callable[[], bool]
    heard: Callable[[int, Completion], None]
    left: int
    done: asyncio.Future[None]
    refused: bool = False


class Endpoints:
    """The endpoints of a recipe. Raises `ConfigError` when the key's variable is not set."""

    def __init__(self, recipe: TeacherConfig) -> None:
        self.recipe = recipe
        self.key = os.environ.get(recipe.key_variable, "").strip() if recipe.key_variable else ""
        if recipe.key_variable and not self.key:
            raise ConfigError(f"`teacher.key_variable`: the environment has no {recipe.key_variable}; export it first.")
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="endpoints", daemon=True)
        self._thread.start()
        self._waiting: deque[tuple[_Batch, int, Ask]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._working = 0  # of these, those that still take from what waits
        self._batches = 0
        self._client: aiohttp.ClientSession | None = None
        self._limiters = [RateLimiter(recipe.concurrency) for _ in recipe.endpoints]
        self._proxies = [_proxy(url) for url in recipe.endpoints]
        self.last_answer = 0.0
        self._accepted: set[tuple[str, int]] = set()  # `_settings` of requests that were answered
        self.error: RunError | None = None
        self._tell_again = self._told_s = 0.0
        self._backoff = wait_random_exponential(multiplier=0.5, max=min(30.0, recipe.patience_s / 4))

    def answer(
        self, asks: Sequence[Ask], may_send: Callable[[], bool], heard: Callable[[int, Completion], None]
    ) -> None:
        """See `build.teachers.client.Model`. Raises `RunError` when no endpoint answers, or refuses everything."""
        error = self._run(self._answer_all(asks, may_send, heard))
        if error:
            raise error

    def greet(self, schema: str = "") -> None:
        """Ask a plain question, with the run's settings, before the run. Raises `RunError` when no endpoint answers it."""
        self._run(self._greet_all(schema))

    def close(self) -> None:
        self._run(self._disconnect())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _disconnect(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        if self._client is not None:
            await self._client.close()

    async def _answer_all(
        self, asks: Sequence[Ask], may_send: Callable[[], bool], heard: Callable[[int, Completion], None]
    ) -> RunError | None:
        """Put asks at the end of the stream and wait until each is dealt with; what ended the asking, if anything has."""
        self._connect()
        if not self._batches:
            self.error = None
        self._batches += 1
        batch = _Batch(may_send, heard, len(asks), self._loop.create_future())
        self._waiting.extend((batch, number, ask) for number, ask in enumerate(asks))
        for _ in range(min(self.recipe.concurrency * len(self._limiters) - self._working, len(asks))):
            self._working += 1
            task = asyncio.create_task(self._work())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        try:
            await batch.done
        finally:
            self._batches -= 1
        return self.error if batch.refused else None

    async def _work(self) -> None:
        try:
            while self._waiting:
                batch, number, ask = self._waiting.popleft()
                await self._deal_with(batch, number, ask)
        finally:
            self._working -= 1

    async def _deal_with(self, batch: "_Batch", number: int, ask: Ask) -> None:
        try:
            batch.refused = batch.refused or self.error is not None or not batch.may_send()
            if not batch.refused:
                batch.heard(number, await self._ask(ask))
        except RunError as error:  # what is under way is paid for, so it is waited for
            self.error = self.error or error
            batch.refused = True
        except Exception as error:
            if not batch.done.done():
                batch.done.set_exception(error)
        finally:
            batch.left -= 1
            if not batch.left and not batch.done.done():
                batch.done.set_result(None)

    async def _greet_all(self, schema: str) -> None:
        """Wait until one endpoint has answered a plain question, and name those that have not. Raises `RunError`."""
        self._connect()
        errors: dict[int, ServerError] = {}
        began = time.monotonic()

        async def greet(index: int) -> None:
            pause = 0.5
            while True:
                try:
                    return await self._greet(index, schema, self.recipe.max_tokens)
                except ServerError as error:
                    errors[index] = error
                    broken = error.reason in _BROKEN
                    limit = min(self.recipe.patience_s, _BROKEN_S) if broken else self.recipe.patience_s
                    waited = time.monotonic() - began
                    if waited + pause > limit:
                        raise
                    await asyncio.sleep(max(pause, error.wait_s))
                    pause = min(1.5 * pause, 10.0)

        async def tell() -> None:
            pause = TELL_AFTER_S
            while True:
                await asyncio.sleep(pause)
                seconds = time.monotonic() - began
                last = f"last: {next(reversed(errors.values()))}" if errors else "it may be slow, or loading its model"
                say(f"a plain question has no answer after {seconds:.0f} s ({last}); still waiting")
                pause = min(2 * pause, 60.0)

        telling = asyncio.create_task(tell())
        greetings = {asyncio.create_task(greet(index)): index for index in range(len(self._limiters))}
        waiting = set(greetings)
        try:
            while waiting:
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    if isinstance(task.exception(), RunError):
                        task.result()
                if any(task.exception() is None for task in done):
                    break
            else:
                told = "; ".join(f"{self.recipe.endpoints[index]}: {error}" for index, error in sorted(errors.items()))
                raise RunError(
                    f"no endpoint answers a plain question ({told}); check `teacher.endpoints`, see to the server and run the "
                    "same command again."
                )
        finally:
            for task in (telling, *waiting):
                task.cancel()
            await asyncio.gather(telling, *greetings, return_exceptions=True)
        for index, error in sorted(errors.items()):
            task = next(task for task, number in greetings.items() if number == index)
            if task.cancelled() or task.exception():
                say(f"the endpoint {self.recipe.endpoints[index]} does not answer ({error}); the others are asked")

    def _connect(self) -> None:
        if self._client is None:
            headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
            self._client = aiohttp.ClientSession(
                headers=headers | {"Content-Type": "application/json"},
                timeout=aiohttp.ClientTimeout(total=self.recipe.timeout_s, connect=_CONNECT_S),
                connector=aiohttp.TCPConnector(limit=0),  # the limiters are the limit
                cookie_jar=aiohttp.DummyCookieJar(),
            )

    async def _ask(self, ask: Ask) -> Completion:
        """An answer, or a failure that is this request's own."""
        completion = await self._tried(ask)
        if completion.failure.startswith("http_4") and _settings(ask) not in self._accepted:
            await self._living(ask)
        return completion

    async def _tried(self, ask: Ask) -> Completion:
        home = zlib.crc32(_subject(ask).encode("utf-8", "surrogatepass"))
        attempts = AsyncRetrying(
            retry=retry_if_exception_type(ServerError),
            stop=_Patience(self),
            wait=self._wait,
            before_sleep=self._tell,
            reraise=True,
        )
        try:
            async for attempt in attempts:
                with attempt:
                    turn = home + attempt.retry_state.attempt_number - 1
                    completion = await self._once(turn % len(self._limiters), ask)
            return completion
        except ServerError as error:
            index = None if error.kind == "busy" or self.error else await self._living(ask)
            if index is None:
                raise RunError(
                    f"the endpoints {', '.join(self.recipe.endpoints)} have answered nothing for {self.recipe.patience_s:g} s "
                    f"(last: {error}); see to them and run the same command again, nothing that was answered is asked twice."
                ) from error
        try:  # once more, as the server may just have come back
            return await self._once(index, ask)
        except ServerError as error:
            if error.kind == "busy":
                return await self._tried(ask)
            return Completion(error.told, failure=f"unanswered_{error.reason}")

    async def _living(self, ask: Ask) -> int | None:
        """The first endpoint that answers a plain question with this request's settings; `RunError` where it is refused."""
        for index in range(len(self.recipe.endpoints)):
            try:
                await self._greet(index, ask.request.schema, ask.max_tokens)
            except ServerError as error:
                if error.kind == "busy" and time.monotonic() - self.last_answer < self.recipe.patience_s:
                    return index
                continue
            return index
        return None

    async def _greet(self, index: int, schema: str, max_tokens: int) -> None:
        """Ask an endpoint a plain question; `ServerError` where it is not answered, `RunError` where it is refused."""
        plain = Ask(Request(PLAIN_QUESTION, schema=schema), max_tokens, self.recipe.temperature, 0)
        answer = await self._once(index, plain)
        if answer.failure.startswith("http_"):
            raise RunError(
                f"the endpoint {self.recipe.endpoints[index]} refuses even a plain question ({answer.failure}: {answer.text}); "
                "change what the recipe asks for, such as `teacher.max_tokens`, or what is sent, with `teacher.extra_body`."
            )

    def _wait(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.wait_s if isinstance(error, ServerError) else 0.0
        return 0.0 if asked else self._backoff(state)  # the limiter does the waiting that the server asked for

    def _tell(self, state: RetryCallState) -> None:
        """Say that requests are tried again, after five seconds without an answer, and then more and more rarely."""
        error = state.outcome.exception() if state.outcome else None
        now = time.monotonic()
        silent_s = min(now - self.last_answer, state.seconds_since_start or 0.0)
        if silent_s + state.upcoming_sleep >= TELL_AFTER_S and now >= self._tell_again:
            self._told_s = min(max(2 * self._told_s, TELL_AFTER_S), 60.0)
            self._tell_again = now + self._told_s
            say(
                f"no answer for {silent_s:.0f} s (last: {error}); trying again for up to {self.recipe.patience_s:g} s "
                "(`teacher.patience_s`)"
            )

    async def _once(self, index: int, ask: Ask) -> Completion:
        """One attempt. Raises `ServerError` where another one may help, `RunError` where none can."""
        assert self._client is not None
        limiter, url = self._limiters[index], self.recipe.endpoints[index]
        turn = await limiter.enter()
        try:
            place = f"{url.rstrip('/')}/chat/completions"
            body = json.dumps(self._body(ask)).encode()
            sent = self._client.post(place, data=body, proxy=self._proxies[index], allow_redirects=False)
            async with sent as response:
                text = self._hide(await response.text(errors="replace"))
            completion = read_response(response.status, response.headers, text)
        except ServerError as error:
            error.wait_s = min(error.wait_s, self.recipe.patience_s)
            if error.kind == "busy":
                limiter.refused(turn, error.wait_s)
            if error.kind == "refused":
                return Completion(error.told, failure=error.reason)
            if error.kind in ("mend", "pay"):
                hint = (
                    f"the key in {self.recipe.key_variable}" if self.recipe.key_variable else "`teacher.key_variable`"
                )
                what = (
                    "see to your account there"
                    if error.kind == "pay"
                    else f"check the URL, the model's name and {hint}"
                )
                status = error.reason.removeprefix("http_")
                raise RunError(f"the endpoint {url} answers {status} ({error.told}); {what}.") from error
            raise
        except TimeoutError as error:
            raise ServerError("again", "timeout", f"{url} took over {self.recipe.timeout_s:g} s") from error
        except aiohttp.InvalidURL as error:
            raise RunError(f"the endpoint {url} is no usable URL: {error}") from error
        except (aiohttp.ClientError, LookupError) as error:  # LookupError: a charset that does not exist
            raise ServerError("again", type(error).__name__, " ".join(str(error).split())) from error
        finally:
            limiter.leave()
        limiter.served()
        self.last_answer = time.monotonic()
        self._told_s = 0.0
        self._accepted.add(_settings(ask))
        return completion

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
        assert isinstance(error, ServerError)
        limit, waited = self.endpoints.recipe.patience_s, state.seconds_since_start or 0.0
        self.timeouts += error.reason == "timeout"
        if self.endpoints.error:
            return True
        if error.kind == "busy":
            return min(waited, time.monotonic() - self.endpoints.last_answer) > limit
        return self.timeouts >= _TIMEOUTS or (state.attempt_number >= _TRIES and waited > limit)


def say(sentence: str) -> None:
    """Tell the person at the terminal, beside the progress bars."""
    tqdm.write(f"teacher: {sentence}", file=sys.stderr)


def _settings(ask: Ask) -> tuple[str, int]:
    """What a server may refuse, whatever the question."""
    return ask.request.schema, ask.max_tokens


def _subject(ask: Ask) -> str:
    """What requests have in common that should go to one endpoint: the function they are about, or the text itself."""
    request = ask.request
    return request.function.function.id if isinstance(request, Question) else request.messages[0].content
