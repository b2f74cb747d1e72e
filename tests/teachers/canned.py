"""A model that knows ten files by heart: good four-section texts, answers of every kind to prediction prompts, labels.

With it a whole run can be asked over a loopback server, again and again, without a model.
"""

import asyncio
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import yaml

from build.bench.fake_endpoint import completion

TEXTS = [
    file.read_text("utf-8") for file in sorted((Path(__file__).parents[1] / "build" / "unified_texts").glob("*.md"))
]
_ENDLESS = '{"input": {"n": 0}}'  # the third text's function never ends on it


async def reply(body: dict[str, Any]) -> dict[str, Any]:
    """An answer that depends on the request alone."""
    await asyncio.sleep(0.005)
    messages = body["messages"]
    text = _answer(messages[0]["content"], len(messages), hashlib.sha256(json.dumps(body).encode()).digest())
    tokens = sum(len(message["content"].split()) for message in messages)
    return completion(text, "length" if text.endswith("...") else "stop", tokens, len(text.split()))


def _answer(prompt: str, turns: int, drawn: bytes) -> str:
    file = re.search(r"# file (\d+)", prompt)
    if "What kind of reasoning" in prompt:
        return "non-reasoning" if file and file.group(1) == "10" else "I would say: **logic puzzles**"
    if file and "Complete the function" not in prompt:
        text = TEXTS[int(file.group(1)) % len(TEXTS)]
        broken = turns == 1 and int(file.group(1)) % 3 == 0
        return text.replace("### Problem Statement", "### Question") if broken else text
    told = re.search(r"The output is (.*)\.\n\nTell it as", prompt)
    if told:
        return f'Following the steps gives it.\n\n{{"output": {told.group(1)}}}'
    if "is tripled" in prompt and turns != 3 and drawn[1] % 2:
        return _solved(prompt)
    if '"output"' in prompt:
        return ("I do not know...", '{"output": 1}', '{"output": null}', '{"output": [3, 4]}')[drawn[0] % 4]
    if "`n` (int): a positive" in prompt:
        return {1: _ENDLESS, 3: '{"input": {"n": 99}}'}.get(turns, '{"input": {"n": "x"}}')
    return ('{"input": {"zzz": 1}}', "No idea.", '{"input": [1]}')[drawn[0] % 3]


def _solved(prompt: str) -> str:
    """The right answer to a question about the third text's function."""
    given = json.loads(prompt.rsplit("\n\n", 1)[1])
    if isinstance(given, dict):
        return f'I count.\n\n{{"output": {_steps(given["n"])}}}'
    return json.dumps({"input": {"n": next(n for n in range(1, 100) if _steps(n) == given)}})


def _steps(n: int) -> int:
    return 0 if n == 1 else 1 + _steps(n // 2 if n % 2 == 0 else 3 * n + 1)


def write_run(folder: Path, name: str, urls: list[str], files: int = 12, **teacher: Any) -> Path:
    """A recipe over small raw files that asks for everything a model is asked for; its path. To be run in `folder`."""
    source = folder / "raw"
    source.mkdir(parents=True, exist_ok=True)
    for number in range(files):
        head = f"# file {number} of several, all of which print what they were given"
        content = f"{head}\nimport sys\n\n\ndef show(values):\n    print({number}, values)\n\n\nshow(sys.argv)\n"
        (source / f"f{number:03d}.py").write_text(content, "utf-8")
    settings = dict[str, Any](
        name="openai", model="canned", endpoints=urls, samples=2, max_tokens=300, cut_answers="keep"
    )
    settings |= {"concurrency": 8, "timeout_s": 1.0, "patience_s": 20.0, "prices": {"prompt": 1.0, "completion": 2.0}}
    recipe = {
        "name": "canned",
        "run": str(folder / name),
        "sources": [{"kind": "folder", "name": "raw"}],  # relative, as ids and so all draws depend on it
        "filters": {"reasoning_type": True},
        "unify": {"by": "model"},
        "sampling": {"call_cpu_s": 0.5, "function_cpu_s": 5.0},
        "questions": {"pairs_per_function": 2},
        "teacher": settings | teacher,
        "prompt_order": "shared",
        "revisions": 2,
        "test_fraction": 0.2,
        "engine": {"workers": 2, "shard_size": 3},
    }
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(recipe), "utf-8")
    return path
