"""The in-memory Hub holds what the real clients push and gives it back to them."""

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.loopback_hub import LoopbackHub

CLIENT = """
import json, sys
from pathlib import Path
from datasets import Dataset, load_dataset
from huggingface_hub import HfApi, snapshot_download
from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, RepositoryNotFoundError

work = Path(sys.argv[1])
api, seen = HfApi(), {}

for config in ("one", "two"):
    rows = [{"prompt": [{"role": "user", "content": f"{config} {i}"}], "n": i} for i in range(5)]
    Dataset.from_list(rows).push_to_hub("me/data", config, split="train")
seen["rows"] = load_dataset("me/data", "two", split="train")["n"][:]
seen["streamed"] = [r["n"] for r in load_dataset("me/data", "one", split="train", streaming=True)]

(work / "up" / "deep").mkdir(parents=True)
(work / "up" / "README.md").write_text("card")
(work / "up" / "deep" / "model.safetensors").write_bytes(bytes(range(256)) * 40)
api.create_repo("me/model", exist_ok=True)
api.create_repo("me/model", exist_ok=True)
api.upload_folder(repo_id="me/model", folder_path=work / "up", commit_message="weights")
api.upload_folder(repo_id="me/model", folder_path=work / "up", path_in_repo="again")
down = Path(snapshot_download("me/model"))
seen["files"] = sorted(str(p.relative_to(down)) for p in down.rglob("*") if p.is_file())
seen["same"] = (down / "deep/model.safetensors").read_bytes() == (work / "up/deep/model.safetensors").read_bytes()
api.create_repo("me/finished", repo_type="dataset")
api.upload_folder(repo_id="me/finished", repo_type="dataset", folder_path=work / "up")
seen["finished"] = api.list_repo_files("me/finished", repo_type="dataset")

api.create_branch("me/model", branch="step-2")
api.upload_file(repo_id="me/model", revision="step-2", path_or_fileobj=b"x", path_in_repo="x.txt")
api.delete_file("deep/model.safetensors", "me/model")
seen["main"] = api.list_repo_files("me/model")
seen["branch"] = api.list_repo_files("me/model", revision="step-2")

def error(call):
    try:
        call()
    except (EntryNotFoundError, RepositoryNotFoundError, HfHubHTTPError) as error:
        return type(error).__name__
    return None

head = api.model_info("me/model").sha
api.upload_file(repo_id="me/model", path_or_fileobj=b"1", path_in_repo="a.txt", parent_commit=head)
seen["stale"] = error(lambda: api.upload_file(
    repo_id="me/model", path_or_fileobj=b"2", path_in_repo="a.txt", parent_commit=head))
seen["no_repo"] = error(lambda: api.model_info("me/none"))
seen["no_file"] = error(lambda: api.hf_hub_download("me/model", "none.txt"))
seen["no_token"] = error(lambda: HfApi(token="wrong").create_repo("me/other"))
print("SEEN" + json.dumps(seen))
"""


@pytest.fixture(scope="module")
def hub() -> Iterator[LoopbackHub]:
    with LoopbackHub() as hub:
        yield hub


@pytest.fixture(scope="module")
def seen(hub: LoopbackHub, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """What the real clients saw, in one process of their own."""
    work = tmp_path_factory.mktemp("hub")
    command = [sys.executable, "-c", CLIENT, str(work)]
    done = subprocess.run(command, env=hub.environment(work / "home"), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.rpartition("SEEN")[2]))


def test_dataset_configs_load_back(seen: dict[str, object]) -> None:
    assert seen["rows"] == [0, 1, 2, 3, 4]
    assert seen["streamed"] == [0, 1, 2, 3, 4]


def test_folder_comes_back_byte_for_byte(seen: dict[str, object], hub: LoopbackHub) -> None:
    assert seen["same"] is True
    assert seen["files"] == ["README.md", "again/README.md", "again/deep/model.safetensors", "deep/model.safetensors"]
    assert hub.files("model", "me/model")["README.md"] == b"card"


def test_finished_dataset_folder(seen: dict[str, object]) -> None:
    assert seen["finished"] == ["README.md", "deep/model.safetensors"]


def test_branches_are_separate(seen: dict[str, object]) -> None:
    assert "x.txt" in list(seen["branch"]) and "x.txt" not in list(seen["main"])  # type: ignore[call-overload]
    assert "deep/model.safetensors" not in list(seen["main"])  # type: ignore[call-overload]


def test_refusals_are_those_of_the_real_hub(seen: dict[str, object], hub: LoopbackHub) -> None:
    assert seen["stale"] == "HfHubHTTPError"
    assert seen["no_repo"] == "RepositoryNotFoundError"
    assert seen["no_file"] == "RemoteEntryNotFoundError"
    assert seen["no_token"] is not None
    assert ("model", "me/other") not in hub.repos


def test_no_request_was_unknown(seen: dict[str, object], hub: LoopbackHub) -> None:
    assert hub.unknown == []
    assert hub.titles("model", "me/model")[1] == "weights"
