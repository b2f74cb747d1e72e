"""Serves verdicts over HTTP: `python -m build serve`, one sandbox pool for every trainer of a node.

    POST /verify    {"answers": [{code, task, input, output, response}, ...]} -> {"verdicts": [{status, correct, ...}, ...]}
    GET  /health    whether it judges, with its sandbox layers
    GET  /metrics   Prometheus text: judgements by verdict, their shares and rate, the queue, requests, processes
    GET  /docs      this page for people; /openapi.json for programs

It judges exactly as `build.verify.verify` does. A request that cannot be read gets 400 and one sentence; when the queue is
full the answer is 429 with Retry-After. SIGTERM and Ctrl-C stop listening, finish what was accepted, and end. With the
environment variable VERIFIER_TOKEN set, every request but /health must bring it as `Authorization: Bearer TOKEN`.
"""

import asyncio
import hmac
import json
import os
import socket
from collections import Counter
from collections.abc import Awaitable, Callable
from html import escape
from typing import Annotated, Any, NotRequired

import click
from aiohttp import web
from pydantic import AfterValidator, ConfigDict, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from build.client import TOKEN_VARIABLE
from build.core.errors import RunError
from build.core.records import Task, Verdict, VerdictClass
from build.core.version import VERSION
from build.judges import Full, Isolation, Judges
from build.sandbox import Limits, Program, SandboxError
from build.sandbox.codec import decode
from build.verify import Check

_MOST_BYTES = 256 << 20  # of a request
_LONGEST_STOP_S = 3600.0  # that what was accepted may take after the signal to stop
_JUDGES = web.AppKey("judges", Judges)
_REQUESTS = web.AppKey("requests", Counter[int])
_TOKEN = web.AppKey("token", str)


def _json(text: str) -> str:
    decode(text)
    return text


_JsonText = Annotated[str, AfterValidator(_json)]


@with_config(ConfigDict(extra="forbid"))
class Answer(TypedDict):
    """An answer to judge: the program, the pair (JSON texts), which half was asked for, and the response's text."""

    code: str
    entry: NotRequired[str]
    task: Task
    input: _JsonText
    output: _JsonText
    response: str


@with_config(ConfigDict(extra="forbid"))
class Answers(TypedDict):
    answers: list[Answer]


class Judged(TypedDict):
    """A verdict: `predicted` is the answer, `actual` what a predicted input really gives (JSON texts)."""

    status: VerdictClass
    correct: bool
    predicted: str | None
    actual: str | None
    detail: str


class Verdicts(TypedDict):
    verdicts: list[Judged]


_ANSWERS, _VERDICTS = TypeAdapter(Answers), TypeAdapter(Verdicts)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def application(judges: Judges, token: str = "") -> web.Application:
    """The service over judges that have been started; closing it closes them. `token` is demanded where it is not empty."""
    app = web.Application(middlewares=[_guarded], client_max_size=_MOST_BYTES)
    app[_JUDGES], app[_REQUESTS], app[_TOKEN] = judges, Counter(), token
    app.add_routes(
        [
            web.post("/verify", _verify),
            web.get("/health", _health),
            web.get("/metrics", _metrics),
            web.get("/openapi.json", _openapi),
            web.get("/docs", _docs),
        ]
    )

    async def close(app: web.Application) -> None:
        await asyncio.to_thread(judges.close)

    app.on_cleanup.append(close)
    return app


@web.middleware
async def _guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Ask for the token, and turn whatever goes wrong into a status and one sentence."""
    token = request.app[_TOKEN]
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    try:
        if token and request.path != "/health" and not hmac.compare_digest(given.encode(), token.encode()):
            response: web.StreamResponse = _refusal(401, "the token is missing or wrong; send it as a Bearer token")
        else:
            response = await handler(request)
    except web.HTTPException as error:
        reasons = {
            404: "there is no such page; see /docs",
            405: f"{request.method} is not possible here; see /docs",
            413: f"the request is over {_MOST_BYTES >> 20} MiB; send fewer answers",
        }
        response = _refusal(error.status, reasons.get(error.status, error.reason))
    except SandboxError as error:
        response = _refusal(503, f"the sandbox does not work: {error}", {"Retry-After": "5"})
    request.app[_REQUESTS][response.status] += 1
    return response


async def _verify(request: web.Request) -> web.Response:
    judges = request.app[_JUDGES]
    try:
        checks = read_checks(await request.read())
    except ValueError as error:
        return _refusal(400, str(error))
    if len(checks) > judges.most_waiting:
        return _refusal(413, f"{len(checks)} answers are too many; a request may hold {judges.most_waiting}")
    try:
        future = judges.submit(checks)
    except Full as full:
        return _refusal(429, str(full), {"Retry-After": str(full.wait_s)})
    verdicts = await asyncio.wrap_future(future)
    return web.json_response({"verdicts": [_judged(verdict) for verdict in verdicts]})


def read_checks(body: bytes) -> list[Check]:
    """The answers of a request's body. Raises `ValueError` with one sentence that names the field."""
    try:
        answers = _ANSWERS.validate_python(json.loads(body))["answers"]
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"]).lstrip(".")
        raise ValueError(f"{place or 'the body'}: {first['msg']}") from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"the body is no JSON ({error})") from None
    return [
        Check(
            Program(answer["code"], answer.get("entry", "main_solution")),
            answer["task"],
            answer["input"],
            answer["output"],
            answer["response"],
        )
        for answer in answers
    ]


def _judged(verdict: Verdict) -> Judged:
    return {
        "status": verdict.status,
        "correct": verdict.correct,
        "predicted": verdict.predicted,
        "actual": verdict.actual,
        "detail": verdict.detail,
    }


def _refusal(status: int, sentence: str, headers: dict[str, str] | None = None) -> web.Response:
    return web.json_response({"error": sentence}, status=status, headers=headers)


async def _health(request: web.Request) -> web.Response:
    judges = request.app[_JUDGES]
    layers = judges.layers.line() if judges.layers else ""
    return web.json_response({"status": "ok", "version": VERSION, "workers": judges.workers, "sandbox": layers})


async def _metrics(request: web.Request) -> web.Response:
    judges = request.app[_JUDGES]
    counts, requests = dict(judges.counts), request.app[_REQUESTS]
    total = sum(counts.values())
    samples: list[tuple[str, str, dict[str, float]]] = [
        ("judgements_total", "counter", {f'{{verdict="{name}"}}': number for name, number in sorted(counts.items())}),
        ("verdict_share", "gauge", {f'{{verdict="{name}"}}': n / total for name, n in sorted(counts.items())}),
        ("judgements_per_second", "gauge", {"": round(judges.rate(), 3)}),
        ("queue_answers", "gauge", {"": judges.waiting}),
        ("queue_limit_answers", "gauge", {"": judges.most_waiting}),
        ("requests_total", "counter", {f'{{status="{status}"}}': n for status, n in sorted(requests.items())}),
        ("workers", "gauge", {"": judges.workers}),
        ("workers_replaced_total", "counter", {"": judges.replaced}),
    ]
    lines = []
    for name, kind, values in samples:
        lines.append(f"# TYPE codeio_verifier_{name} {kind}")
        lines += [f"codeio_verifier_{name}{labels} {value}" for labels, value in values.items()]
    return web.Response(text="\n".join(lines) + "\n", content_type="text/plain", charset="utf-8")


def openapi() -> dict[str, Any]:
    """The description of the service for programs, OpenAPI 3.1."""
    schemas: dict[str, Any] = {}
    for adapter, mode in ((_ANSWERS, "validation"), (_VERDICTS, "serialization")):
        schema = adapter.json_schema(mode=mode, ref_template="#/components/schemas/{model}")  # type: ignore[arg-type]
        schemas |= schema.pop("$defs", {}) | {schema["title"]: schema}
    refusals = {
        "400": "The request cannot be read",
        "401": "The token is missing",
        "413": "Too many answers",
        "429": "The queue is full; Retry-After says when to come again",
        "503": "The sandbox does not work",
    }

    def content(name: str) -> dict[str, Any]:
        return {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}

    schemas["Refusal"] = {"type": "object", "properties": {"error": {"type": "string"}}, "required": ["error"]}
    verify = {
        "summary": "Judge answers",
        "requestBody": {"required": True, "content": content("Answers")},
        "responses": {"200": {"description": "A verdict per answer, in order", "content": content("Verdicts")}}
        | {status: {"description": told, "content": content("Refusal")} for status, told in refusals.items()},
    }
    plain = {
        path: {"get": {"summary": told, "responses": {"200": {"description": told}}}}
        for path, told in (("/health", "Whether it judges"), ("/metrics", "Metrics as Prometheus text"))
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "CodeI/O verifier", "version": VERSION},
        "paths": {"/verify": {"post": verify}, **plain},
        "components": {"schemas": schemas},
    }


async def _openapi(request: web.Request) -> web.Response:
    return web.json_response(openapi())


async def _docs(request: web.Request) -> web.Response:
    described = escape(json.dumps(openapi(), indent=2))
    return web.Response(
        text=f"<!doctype html><title>CodeI/O verifier</title><pre>{escape(__doc__ or '')}</pre>"
        f'<h2><a href="/openapi.json">/openapi.json</a></h2><pre>{described}</pre>',
        content_type="text/html",
    )


@click.command("serve")
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen; 0.0.0.0: on every interface.")
@click.option("--port", default=8700, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one.")
@click.option("--workers", type=click.IntRange(min=1), help="Processes that judge; default: one a core.")
@click.option("--queue", default=16_384, show_default=True, type=click.IntRange(min=1), help="Answers that may wait.")
@click.option("--cpu-s", default=5.0, show_default=True, help="CPU seconds that one call may take.")
@click.option("--require-isolation", type=click.Choice(["available", "full"]), default="available", show_default=True)
@click.option("--unsafe-exec", is_flag=True, help="Run foreign code even where it cannot be confined.")
def serve(
    host: str,
    port: int,
    workers: int | None,
    queue: int,
    cpu_s: float,
    require_isolation: Isolation,
    unsafe_exec: bool,
) -> None:
    """Judge answers for trainers over HTTP, until SIGTERM or Ctrl-C; then finish what was accepted."""
    try:
        listening = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise RunError(f"--host {host} --port {port}: cannot listen there ({error.strerror})") from None
    token = os.environ.get(TOKEN_VARIABLE, "")
    judges = Judges(
        workers or len(os.sched_getaffinity(0)), queue, Limits(call_cpu_s=cpu_s), require_isolation, unsafe_exec
    )
    judges.start()
    if judges.layers:
        click.echo(judges.layers.line())
    click.echo(f"workers: {judges.workers}; token: {'asked for' if token else 'not asked for'}")

    def greet(told: str) -> None:
        click.echo(told.strip().split("\n")[0].strip("= ").replace("Running on", "listening on"))

    app = application(judges, token)
    web.run_app(app, sock=listening, shutdown_timeout=_LONGEST_STOP_S, access_log=None, print=greet)
