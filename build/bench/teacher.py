"""Measures how well the openai teacher keeps an endpoint busy, with a loopback server that answers after a fixed time."""

import asyncio
import multiprocessing
import resource
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import click

from build.bench.fake_endpoint import FakeEndpoint, completion
from build.core.chat import Message, Request
from build.core.config import DataRecipe, SourceConfig, TeacherConfig
from build.teachers.cache import ResponseCache
from build.teachers.client import ModelTeacher
from build.teachers.openai import Endpoints

_BATCH = 1000  # requests a shard


def _server(pipe: Connection, delay_s: float) -> None:
    async def reply(body: dict[str, Any]) -> dict[str, Any]:
        await asyncio.sleep(delay_s)
        return completion("So the output is 4.\n\n" + '{"output": 4}')

    with FakeEndpoint(reply) as server:
        pipe.send(server.port)
        pipe.recv()


@click.command("teacher")
@click.option("--requests", default=10_000, show_default=True)
@click.option("--concurrency", default=16, show_default=True)
@click.option("--delay", "delay_s", default=0.05, show_default=True, help="Seconds the server takes for an answer.")
def bench_teacher(requests: int, concurrency: int, delay_s: float) -> None:
    """Throughput of the openai teacher, response cache included, against the ideal of concurrency / delay; and its memory."""
    context = multiprocessing.get_context("spawn")
    pipe, theirs = context.Pipe()
    process = context.Process(target=_server, args=(theirs, delay_s))
    process.start()
    url = f"http://127.0.0.1:{pipe.recv()}/v1"
    with tempfile.TemporaryDirectory() as folder:
        settings = TeacherConfig("openai", model="fake", endpoints=(url,), concurrency=concurrency)
        recipe = DataRecipe("bench", Path(folder), (SourceConfig("folder", folder),), teacher=settings)
        teacher = ModelTeacher(recipe, Endpoints(settings), ResponseCache(Path(folder)))
        text = "x " * 1000
        seconds, early = 0.0, 0
        start_cpu = time.process_time()
        for start in range(0, requests, _BATCH):
            numbers = range(start, min(start + _BATCH, requests))
            batch = [Request((Message("user", f"{number} {text}"),)) for number in numbers]
            began = time.perf_counter()
            teacher.complete(batch)
            seconds += time.perf_counter() - began
            early = early or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        used = resource.getrusage(resource.RUSAGE_SELF)
        cpu_s = time.process_time() - start_cpu
        teacher.close()
    pipe.send("end")
    process.join()
    ideal = concurrency / delay_s
    print(
        f"{requests} requests in {seconds:.1f} s: {requests / seconds:.0f} per second, {requests / seconds / ideal:.1%} of "
        f"the ideal {ideal:.0f}; peak memory {early / 1024:.0f} MB after the first {_BATCH}, "
        f"{used.ru_maxrss / 1024:.0f} MB at the end; {cpu_s / requests * 1000:.2f} ms of CPU a request, "
        f"of {delay_s / concurrency * 1000:.2f} ms that it may take"
    )


if __name__ == "__main__":
    bench_teacher()
