"""The environment packages inside their real frameworks; `make test-environments` installs each in an environment of its own.

CODEIO_FRAMEWORKS names the folder of those environments; a framework that is not there is passed over. The service that
judges and the model that answers listen on loopback.
"""

import json
import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from build.bench.answers import TASKS, answers, own_questions
from build.bench.fake_endpoint import FakeEndpoint, Raw
from build.bench.service import ROOT, running
from build.sandbox import Sandbox
from build.verify import Check, verify

FRAMEWORKS = Path(os.environ.get("CODEIO_FRAMEWORKS", "nowhere"))
ENVIRONMENTS = ROOT / "recipes" / "environments"


def python(framework: str) -> Path:
    path = FRAMEWORKS.absolute() / framework / "bin" / "python"
    if not path.exists():
        pytest.skip(f"{framework} is not installed in {FRAMEWORKS}")
    return path


@pytest.fixture(scope="module")
def checks() -> list[Check]:
    """Right, wrong, malformed and hostile answers, each to a question with a prompt of its own."""
    return list(answers(own_questions(40, seed=5), 40, seed=5, tasks=TASKS))


@pytest.fixture(scope="module")
def expected(checks: list[Check]) -> list[str]:
    with Sandbox() as sandbox:
        return [verdict.status for verdict in verify(checks, sandbox)]


@pytest.fixture(scope="module")
def dataset(checks: list[Check], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The questions as a dataset folder; the prompt is the question's number."""
    folder = tmp_path_factory.mktemp("dataset")
    (folder / "rl").mkdir()
    rows = [
        {
            "id": f"q{number}",
            "prompt": [{"role": "user", "content": f"question {number}"}],
            "task": check.task,
            "code": check.program.code,
            "input": check.input,
            "output": check.output,
            "pass_rate": 0.5,
        }
        for number, check in enumerate(checks)
    ]
    pq.write_table(pa.Table.from_pylist(rows), folder / "rl" / "rl-train.parquet")
    return folder


@pytest.fixture(scope="module")
def environment() -> Iterator[dict[str, str]]:
    with running("--workers", "1") as service:
        yield {**os.environ, "VERIFIER_URL": service.url, "HF_HUB_OFFLINE": "1", "KEY": "none", "PYTHONPATH": str(ROOT)}


def done(command: list[str], **options: Any) -> str:
    ended = subprocess.run(command, capture_output=True, text=True, timeout=600, **options)
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]
    return ended.stdout


def test_verifiers_validates_and_evaluates(
    checks: list[Check], expected: list[str], dataset: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    """vf-validate proves that gold answers pass, vf-eval asks a loopback model."""
    binaries = python("verifiers").parent

    async def reply(body: dict[str, Any]) -> Raw:
        content = body["messages"][-1]["content"]
        asked = content if isinstance(content, str) else content[0]["text"]
        return streamed(checks[int(asked.rpartition(" ")[2])].response.encode("utf-8", "replace").decode())

    common = ["--output-dir", str(tmp_path)]
    told = done(
        [
            str(binaries / "vf-validate"),
            "codeio",
            "--taskset.data",
            str(dataset),
            "--runtime.type",
            "subprocess",
            *common,
        ],
        env=environment,
        cwd=tmp_path,
    )
    assert '"valid": 40' in told and '"invalid": 0' in told
    with FakeEndpoint(reply) as model:
        command = [str(binaries / "vf-eval"), "codeio", "-n", "40", "-m", "loopback", "--client.base-url", model.url]
        command += ["--client.api-key-var", "KEY", "--env.taskset.data", str(dataset), "--env.agent.harness.id", "null"]
        command += ["--env.agent.runtime.type", "subprocess", "--no-push", "--no-rich", *common]
        done(command, env=environment, cwd=tmp_path)
    (file,) = tmp_path.rglob("traces.jsonl")
    found = {}
    for line in file.read_text("utf-8").strip().split("\n"):
        trace = json.loads(line)
        trace = trace.get("traces", [trace])[0]
        (told,) = trace["metrics"]
        found[trace["task"]["data"]["id"]] = (trace["rewards"]["correct"]["score"], told)
    wanted = {f"q{number}": (float(told == "correct"), f"verdict_{told}") for number, told in enumerate(expected)}
    assert found == wanted


def streamed(text: str) -> Raw:
    """A chat completion as a stream of events, which vf-eval asks for."""
    about = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "loopback"}
    deltas: list[tuple[dict[str, str], str | None]] = [({"role": "assistant", "content": text}, None), ({}, "stop")]
    events = [
        about | {"choices": [{"index": 0, "delta": delta, "finish_reason": ended}]} for delta, ended in deltas
    ] + [about | {"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}}]
    return Raw(200, "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n")


OPENENV_CLIENT = """
import json, sys
from recipes.environments.openenv import CodeIOAction, CodeIOEnv
responses, told = json.load(sys.stdin), []
with CodeIOEnv(base_url=sys.argv[1]).sync() as env:
    for number, response in enumerate(responses):
        asked = env.reset(id=f"q{number}")
        assert asked.observation.prompt == f"question {number}" and not asked.done
        result = env.step(CodeIOAction(response=response))
        told.append([result.reward, result.done, result.observation.verdict])
        assert env.state().step_count == 1
print(json.dumps(told))
"""


def test_openenv_serves_and_validates(
    checks: list[Check], expected: list[str], dataset: Path, environment: dict[str, str]
) -> None:
    """Its own command starts the server, its own client asks, and its validator takes the manifest."""
    binaries = python("openenv").parent
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [str(binaries / "uvicorn"), "server.app:app", "--port", str(port), "--log-level", "warning"],
        cwd=ENVIRONMENTS / "openenv",
        env=environment | {"CODEIO_DATA": str(dataset)},
    )
    try:
        url = f"http://127.0.0.1:{port}"
        wait_for(f"{url}/health", server)
        responses = [check.response.encode("utf-8", "replace").decode() for check in checks]
        told = json.loads(
            done([str(binaries / "python"), "-c", OPENENV_CLIENT, url], input=json.dumps(responses), env=environment)
        )
    finally:
        server.terminate()
        server.wait(30)
    assert told == [[float(status == "correct"), True, status] for status in expected]
    told = done(
        [str(binaries / "openenv"), "validate", str(ENVIRONMENTS / "openenv"), "--level", "static"], env=environment
    )
    assert "manifest" in told.lower()


NEMO_GYM_CLIENT = """
import json, sys
sys.path.insert(0, sys.argv[1])
from unittest.mock import MagicMock
from fastapi.testclient import TestClient
from nemo_gym.server_utils import ServerClient
from app import CodeIOConfig, CodeIOResourcesServer
config = CodeIOConfig(host="127.0.0.1", port=8080, entrypoint="", name="codeio")
server = CodeIOResourcesServer(config=config, server_client=MagicMock(spec=ServerClient))
told = []
with TestClient(server.setup_webserver()) as client:
    for row in json.load(sys.stdin):
        answered = client.post("/verify", json=row)
        assert answered.status_code == 200, answered.text
        told.append([answered.json()["reward"], answered.json()["mask_sample"], answered.json()["verdict"]])
print(json.dumps(told))
"""


def test_nemo_gym_verifies(checks: list[Check], expected: list[str], environment: dict[str, str]) -> None:
    """The resources server's endpoint takes NeMo Gym's requests, and gives its responses."""
    binary = python("nemo_gym")
    rows = []
    for number, check in enumerate(checks):
        text = check.response.encode("utf-8", "replace").decode()
        said = {"type": "output_text", "text": text, "annotations": []}
        message = {"id": "1", "type": "message", "role": "assistant", "status": "completed", "content": [said]}
        response = {"id": "1", "created_at": 0.0, "model": "m", "object": "response", "output": [message]}
        response |= {"parallel_tool_calls": False, "tool_choice": "auto", "tools": []}
        asked = {"input": [{"role": "user", "content": f"question {number}"}]}
        wanted = {"task": check.task, "code": check.program.code, "input": check.input, "output": check.output}
        rows.append({"responses_create_params": asked, "response": response, "id": f"q{number}"} | wanted)
    command = [str(binary), "-c", NEMO_GYM_CLIENT, str(ENVIRONMENTS / "nemo_gym")]
    told = json.loads(done(command, input=json.dumps(rows), env=environment).strip().split("\n")[-1])
    assert told == [[float(status == "correct"), False, status] for status in expected]


def wait_for(url: str, server: "subprocess.Popen[bytes]") -> None:
    for _ in range(1500):
        assert server.poll() is None, "the server ended"
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"{url} does not answer")
