"""Measures how well the openai teacher keeps an endpoint busy, with a loopback server whose answers take their time.

How long an answer takes is log-normal, as with real models: most are short, some take many times the mean. The shards of a
worker are asked side by side, as in a run.
"""

import asyncio
import hashlib
import json
import math
import multiprocessing
import resource
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import NormalDist
from typing import Any

import click

from build.bench.fake_endpoint import FakeEndpoint, completion
from build.core.chat import Message, Request
from build.core.config import DataRecipe, SourceConfig, TeacherConfig
from build.teachers.cache import ResponseCache
from build.teachers.client import ModelTeacher
from build.teachers.openai import Endpoints
from build.workers import ASKING_AT_ONCE


def latency(number: int, mean_s: float, sigma: float) -> float:
    """The seconds that the answer to a request takes: log-normal by the request's number, the same in every run."""
    drawn = int.from_bytes(hashlib.sha256(str(number).encode()).digest()[:6], "big") / 2**48
    return mean_s * math.exp(sigma * NormalDist().inv_cdf(min(max(drawn, 1e-9), 1 - 1e-9)) - sigma**2 / 2)


def _server(pipe: Connection, mean_s: float, sigma: float) -> None:
    async def reply(body: dict[str, Any]) -> dict[str, Any]:
        await asyncio.sleep(latency(int(body["messages"][0]["content"].split()[0]), mean_s, sigma))
        return completion("So the output is 4.\n\n" + '{"output": 4}')

    with FakeEndpoint(reply) as server:
        pipe.send(server.port)
        pipe.recv()


@click.command("teacher")
@click.option("--requests", default=10_000, show_default=True)
@click.option("--concurrency", default=64, show_default=True)
@click.option("--delay", "mean_s", default=0.2, show_default=True, help="Seconds that an answer takes on average.")
@click.option("--tail", "sigma", default=1.0, show_default=True, help="Sigma of the log-normal times; 0: all alike.")
@click.option("--shard", "size", default=276, show_default=True, help="Requests a shard.")
@click.option("--at-once", default=ASKING_AT_ONCE, show_default=True, help="Shards that are asked side by side.")
@click.option("--json", "target", type=click.Path(dir_okay=False, path_type=Path), help="Write the ratio here too.")
def bench_teacher(
    requests: int, concurrency: int, mean_s: float, sigma: float, size: int, at_once: int, target: Path | None
) -> None:
    """Throughput of the openai teacher, response cache included, against the ideal of no idle slot; and its memory."""
    context = multiprocessing.get_context("spawn")
    pipe, theirs = context.Pipe()
    process = context.Process(target=_server, args=(theirs, mean_s, sigma))
    process.start()
    url = f"http://127.0.0.1:{pipe.recv()}/v1"
    with tempfile.TemporaryDirectory() as folder:
        settings = TeacherConfig("openai", model="fake", endpoints=(url,), concurrency=concurrency)
        recipe = DataRecipe("bench", Path(folder), (SourceConfig("folder", folder),), teacher=settings)
        teacher = ModelTeacher(recipe, Endpoints(settings), ResponseCache(Path(folder)))
        text = "x " * 1000
        early: list[int] = []

        def ask(start: int) -> None:
            numbers = range(start, min(start + size, requests))
            teacher.complete([Request((Message("user", f"{number} {text}"),)) for number in numbers])
            early.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)

        start_cpu, began = time.process_time(), time.perf_counter()
        with ThreadPoolExecutor(at_once) as threads:
            list(threads.map(ask, range(0, requests, size)))
        seconds = time.perf_counter() - began
        used = resource.getrusage(resource.RUSAGE_SELF)
        cpu_s = time.process_time() - start_cpu
        teacher.close()
    pipe.send("end")
    process.join()
    ideal_s = sum(latency(number, mean_s, sigma) for number in range(requests)) / concurrency
    if target:
        target.write_text(json.dumps({"ratios": {"throughput against no idle slot": ideal_s / seconds}}), "utf-8")
    print(
        f"{requests} requests in {seconds:.1f} s: {requests / seconds:.0f} per second, {ideal_s / seconds:.1%} of the ideal "
        f"({ideal_s:.1f} s); peak memory {early[0] / 1024:.0f} MB after the first shard, {used.ru_maxrss / 1024:.0f} MB at "
        f"the end; {cpu_s / requests * 1000:.2f} ms of CPU a request, of {mean_s / concurrency * 1000:.2f} ms that it may take"
    )


if __name__ == "__main__":
    bench_teacher()
