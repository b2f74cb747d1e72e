"""Run by `gym env test`: right, wrong and missing answers through the server's own endpoint."""

import json
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
from app import CodeIOConfig, CodeIOResourcesServer
from fastapi.testclient import TestClient
from nemo_gym.server_utils import ServerClient

ROWS = [
    json.loads(line) for line in (Path(__file__).parents[1] / "data" / "example.jsonl").read_text().split("\n") if line
]


@pytest.fixture(scope="module")
def client() -> Any:
    config = CodeIOConfig(host="127.0.0.1", port=8080, entrypoint="", name="codeio")
    server = CodeIOResourcesServer(config=config, server_client=MagicMock(spec=ServerClient))
    with TestClient(server.setup_webserver()) as client:
        yield client


def verified(client: Any, row: dict[str, Any], text: str) -> dict[str, Any]:
    said = {"type": "output_text", "text": text, "annotations": []}
    message = {"id": "1", "type": "message", "role": "assistant", "status": "completed", "content": [said]}
    response = {"id": "1", "created_at": 0.0, "model": "m", "object": "response", "output": [message]}
    response |= {"parallel_tool_calls": False, "tool_choice": "auto", "tools": []}
    answered = client.post("/verify", json=row | {"response": response})
    assert answered.status_code == 200, answered.text
    return dict(answered.json())


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['task']}-{row['id'][:6]}")
def test_the_recorded_half_is_right_and_anything_else_wrong(client: Any, row: dict[str, Any]) -> None:
    wanted = row["output"] if row["task"] == "output" else row["input"]
    right = verified(client, row, f'So {{"{row["task"]}": {wanted}}}')
    assert (right["reward"], right["verdict"], right["mask_sample"]) == (1.0, "correct", False)
    wrong = verified(client, row, f'{{"{row["task"]}": {{"nobody": 1}}}}')
    assert wrong["reward"] == 0.0 and wrong["verdict"] in ("wrong_output", "exception")
    assert verified(client, row, "I do not know.")["verdict"] == "no_answer"
