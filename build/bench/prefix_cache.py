"""Measures what a vLLM server's prefix cache serves of some prompts: reads its counters before and after it is asked."""

import re
from collections.abc import Sequence

import httpx2

from build.core.chat import Message, Request
from build.core.config import TeacherConfig
from build.core.errors import RunError
from build.teachers.client import Ask
from build.teachers.openai import Endpoints

_COUNTER = re.compile(r"^vllm:prefix_cache_(queries|hits)_total(?:\{.*\})? (\S+)$", re.MULTILINE)


def served_tokens(prompts: Sequence[str], endpoint: str, model: str) -> tuple[int, int]:
    """Prompt tokens that a vLLM server looked up in its prefix cache for some prompts, and those that it found there.

    Raises `RunError` when it does not answer, ValueError when its metrics have no such counters.
    """
    asks = [Ask(Request((Message("user", text),)), 1, 0.0, 0) for text in prompts]
    client = Endpoints(TeacherConfig("openai", model=model, endpoints=(endpoint,), patience_s=60.0))
    try:
        if httpx2.post(_page(endpoint, "reset_prefix_cache")).status_code != 200:
            print(
                "The server's cache may know these prompts already; with VLLM_SERVER_DEV_MODE=1 it would forget them."
            )
        before = _cache_counters(endpoint)
        client.answer(asks, lambda: True, lambda number, completion: None)
        queries, hits = (now - then for now, then in zip(_cache_counters(endpoint), before))
    except httpx2.HTTPError as error:
        raise RunError(str(error)) from error
    finally:
        client.close()
    return queries, hits


def _cache_counters(endpoint: str) -> tuple[int, int]:
    url = _page(endpoint, "metrics")
    text = httpx2.get(url).raise_for_status().text
    found = dict(_COUNTER.findall(text))
    if len(found) != 2:
        raise ValueError(f"{url} has no vllm:prefix_cache_queries_total and vllm:prefix_cache_hits_total")
    return int(float(found["queries"])), int(float(found["hits"]))


def _page(endpoint: str, name: str) -> str:
    return f"{endpoint.rstrip('/').removesuffix('/v1')}/{name}"
