"""The verifier service: the verdicts of `verify()`, one sentence for what is wrong, and no answer lost."""

import http.server
import json
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any, get_args

import psutil  # type: ignore[import-untyped]
import pytest

from build.bench.answers import TASKS, answers, own_questions
from build.bench.service import ROOT, Service, running
from build.client import Client, ServiceError
from build.core.records import VerdictClass
from build.judges import Full, Judges, ask_service
from build.sandbox import Limits, Program, Sandbox
from build.serve import openapi
from build.verify import Check, verify

SQUARE = "def main_solution(x):\n    while x == 99:\n        pass\n    return x * x\n"
RIGHT = {"code": SQUARE, "task": "input", "input": '{"x": 3}', "output": "9", "response": '{"input": {"x": -3}}'}
ENDLESS = RIGHT | {"response": '{"input": {"x": 99}}'}


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with running("--workers", "2", "--cpu-s", "0.5") as service:
        yield service


@pytest.fixture(scope="module")
def guarded() -> Iterator[Service]:
    with running("--workers", "1", "--cpu-s", "0.5", "--queue", "4", token="secret") as service:
        yield service


def post(url: str, body: bytes, token: str = "") -> tuple[int, dict[str, str], dict[str, Any]]:
    request = urllib.request.Request(f"{url}/verify", body, {"Authorization": f"Bearer {token}"} if token else {})
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, dict(response.headers), json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers), json.load(error)


def page(url: str) -> str:
    with urllib.request.urlopen(url, timeout=60) as response:
        return str(response.read().decode())


def metrics(service: Service) -> dict[str, float]:
    lines = [line.rpartition(" ") for line in page(f"{service.url}/metrics").splitlines() if line[0] != "#"]
    return {name.removeprefix("codeio_verifier_"): float(value) for name, _, value in lines}


def test_the_service_gives_the_verdicts_of_verify(service: Service) -> None:
    """Right, wrong, malformed and hostile answers; in batches of one and of many."""
    checks = list(answers(own_questions(40), 200, tasks=TASKS))
    with Sandbox(Limits(call_cpu_s=0.5)) as sandbox:
        expected = verify(checks, sandbox)
    assert {verdict.status for verdict in expected} == set(get_args(VerdictClass)) - {"timeout"}
    before = metrics(service)
    client = Client(service.url)
    for size, share in ((200, 200), (64, 128), (1, 20)):
        some = checks[:share]
        told = [
            verdict
            for start in range(0, len(some), size)
            for verdict in ask_service(client, some[start : start + size])
        ]
        assert told == expected[: len(some)]
    after = metrics(service)
    counts = {name: after[name] - before.get(name, 0) for name in after if name.startswith("judgements_total")}
    assert sum(counts.values()) == 348
    assert counts['judgements_total{verdict="wrong_input"}'] > 0
    assert sum(value for name, value in after.items() if name.startswith("verdict_share")) == pytest.approx(1)
    assert after["queue_answers"] == 0 and after["judgements_per_second"] > 0


def test_an_endless_program_costs_its_own_answer(service: Service) -> None:
    told = Client(service.url).verify([ENDLESS, *[RIGHT] * 20, ENDLESS])
    assert [verdict["status"] for verdict in told] == ["timeout", *["correct"] * 20, "timeout"]


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"[1", "the body is no JSON"),
        (b"\xff", "the body is no JSON"),
        (b"[" * 100_000, "the body is no JSON"),
        (b"[]", "the body: "),
        (b"{}", "answers: Field required"),
        (json.dumps({"answers": [RIGHT, {"code": SQUARE}]}).encode(), "answers[1].task: Field required"),
        (json.dumps({"answers": [RIGHT | {"task": "both"}]}).encode(), "answers[0].task: "),
        (json.dumps({"answers": [RIGHT | {"output": "{"}]}).encode(), "answers[0].output: "),
        (json.dumps({"answers": [RIGHT | {"input": "[NaN]"}]}).encode(), "answers[0].input: "),
        (json.dumps({"answers": [RIGHT | {"reponse": ""}]}).encode(), "answers[0].reponse: "),
    ],
)
def test_a_bad_request_gets_one_sentence(service: Service, body: bytes, sentence: str) -> None:
    status, _, told = post(service.url, body)
    assert status == 400 and told["error"].startswith(sentence) and "\n" not in told["error"]


def test_no_answers_give_no_verdicts(service: Service) -> None:
    assert Client(service.url).verify([]) == []
    assert post(service.url, b'{"answers": []}')[2] == {"verdicts": []}


def test_other_pages_are_refused_in_one_sentence(service: Service) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        page(f"{service.url}/nothing")
    assert refused.value.code == 404 and "/docs" in json.load(refused.value)["error"]


def test_the_description_has_the_fields(service: Service) -> None:
    described = json.loads(page(f"{service.url}/openapi.json"))
    assert described == json.loads(json.dumps(openapi()))
    schemas = described["components"]["schemas"]
    assert set(schemas["Answer"]["required"]) == set(RIGHT)
    assert set(schemas["Judged"]["properties"]) == {"status", "correct", "predicted", "actual", "detail"}
    assert "/openapi.json" in page(f"{service.url}/docs") and "POST /verify" in page(f"{service.url}/docs")


def test_health_names_the_layers(service: Service) -> None:
    told = json.loads(page(f"{service.url}/health"))
    assert told["status"] == "ok" and told["workers"] == 2 and "seccomp" in told["sandbox"]


def test_the_token_is_asked_for(guarded: Service) -> None:
    body = json.dumps({"answers": [RIGHT]}).encode()
    assert post(guarded.url, body)[0] == 401
    assert post(guarded.url, body, "wrong")[0] == 401
    assert post(guarded.url, body, "secret")[0] == 200
    with pytest.raises(ServiceError, match=r"401 .*token"):
        Client(guarded.url, token="wrong").verify([RIGHT])
    assert json.loads(page(f"{guarded.url}/health"))["status"] == "ok"


def test_a_full_queue_says_when_to_come_again_and_the_client_does(guarded: Service) -> None:
    busy = threading.Thread(target=Client(guarded.url, "secret").verify, args=([ENDLESS] * 3,))
    busy.start()
    time.sleep(0.3)
    body = json.dumps({"answers": [RIGHT] * 2}).encode()
    status, headers, told = post(guarded.url, body, "secret")
    assert status == 429 and int(headers["Retry-After"]) >= 1 and "full" in told["error"]
    assert [verdict["correct"] for verdict in Client(guarded.url, "secret").verify([RIGHT] * 2)] == [True, True]
    busy.join()
    status, _, told = post(guarded.url, json.dumps({"answers": [RIGHT] * 5}).encode(), "secret")
    assert status == 413 and "may hold 4" in told["error"]


def test_a_killed_worker_loses_no_answer(service: Service) -> None:
    told: list[dict[str, Any]] = []
    answers = [ENDLESS, *[RIGHT] * 40] * 2
    before = metrics(service)["workers_replaced_total"]
    asking = threading.Thread(target=lambda: told.extend(Client(service.url).verify(answers)))
    asking.start()
    while metrics(service)["queue_answers"] == 0:
        time.sleep(0.02)
    for child in psutil.Process(service.process.pid).children():
        if "spawn_main" in " ".join(child.cmdline()):
            child.kill()
    asking.join()
    assert [verdict["status"] for verdict in told] == ["timeout", *["correct"] * 40] * 2
    assert metrics(service)["workers_replaced_total"] == before + 2


def test_a_port_in_use_is_one_sentence(service: Service) -> None:
    command = [sys.executable, "-m", "build", "serve", "--workers", "1", "--port", service.url.rpartition(":")[2]]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "cannot listen there" in done.stderr and "Traceback" not in done.stderr


def test_the_client_retries_what_may_pass() -> None:
    """A refused place, a broken server and a cut connection, then an answer."""
    faults = iter(("429", "500", "cut", "garbage"))

    class Faulty(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            fault = next(faults, "")
            if fault == "cut":
                self.close_connection = True
                return
            content = b"no JSON" if fault == "500" else b'{"verdicts": [{"status": "correct"}]}'
            self.send_response(int(fault) if fault.isdigit() else 200)
            self.send_header("Content-Length", str(len(content) + 10 * (fault == "garbage")))
            self.end_headers()
            self.wfile.write(content)
            self.close_connection = fault == "garbage"

        def log_message(self, *told: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Faulty) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        assert Client(f"http://127.0.0.1:{server.server_port}").verify([RIGHT]) == [{"status": "correct"}]
        assert next(faults, None) is None
        server.shutdown()


@pytest.mark.parametrize("url", ["", "localhost:8700", "ftp://localhost", "http://", "http://[", "http://a:b"])
def test_a_wrong_url_is_one_sentence(url: str) -> None:
    with pytest.raises(ServiceError, match="no URL"):
        Client(url).verify([RIGHT])


def test_what_verify_raises_costs_its_own_answer() -> None:
    """Judges that are used without the service's checks: a recorded output that is no JSON."""
    program = Program(SQUARE)
    right = Check(program, "output", '{"x": 3}', "9", '{"output": 9}')
    broken = Check(program, "output", '{"x": 3}', "{", '{"output": 9}')
    judges = Judges(1, most_waiting=4)
    judges.start()
    try:
        verdicts = judges.submit([right, broken, right]).result()
        assert [verdict.status for verdict in verdicts] == ["correct", "exception", "correct"]
        assert "JSONDecodeError" in verdicts[1].detail
        first = judges.submit([right] * 4)
        with pytest.raises(Full):
            judges.submit([right] * 4)
        assert len(first.result()) == 4
    finally:
        judges.close()
    assert judges.waiting == 0


def test_sigterm_finishes_what_was_accepted(guarded: Service) -> None:
    told: list[dict[str, Any]] = []
    client = Client(guarded.url, "secret")
    asking = threading.Thread(target=lambda: told.extend(client.verify([ENDLESS, ENDLESS, RIGHT])))
    asking.start()
    time.sleep(0.5)
    guarded.process.send_signal(signal.SIGTERM)
    asking.join()
    assert guarded.process.wait(30) == 0
    assert [verdict["status"] for verdict in told] == ["timeout", "timeout", "correct"]
    with pytest.raises(ServiceError, match="cannot be reached"):
        Client(guarded.url, patience_s=0.1).verify([RIGHT])
