"""One version number, and a run that says under which code it was made."""

import json
import re
from pathlib import Path

import pytest
import yaml

from build.core.store import Store
from build.core.version import VERSION, commit
from codeio_dataset import CodeIOConfig

ROOT = Path(__file__).resolve().parents[2]


def test_every_file_that_names_the_version_names_the_same() -> None:
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))["version"] == VERSION
    changes = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert changes and changes[1] == VERSION
    assert str(CodeIOConfig().version) == VERSION


@pytest.mark.parametrize("packed", [False, True])
def test_the_commit_is_read_without_git(tmp_path: Path, packed: bool) -> None:
    git, sha = tmp_path / ".git", "0123456789abcdef0123456789abcdef01234567"
    (git / "refs" / "heads").mkdir(parents=True)
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    if packed:
        (git / "packed-refs").write_text(f"# pack-refs with: peeled\n{sha} refs/heads/main\n")
    else:
        (git / "refs" / "heads" / "main").write_text(f"{sha}\n")
    assert commit(tmp_path) == sha[:12]
    assert commit(tmp_path / "nowhere") == ""


def test_a_run_resumed_under_other_code_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = {"recipe_digest": "r", "prompt_version": "1", "stages": [["collect", "RawCode"]], "isolation": {}}
    store = Store(tmp_path / "run")
    store.open(made | {"code": "1.0.0+aaa"})
    store.set_shards(0)
    store.write(tmp_path / "run" / "unify" / "00000.jsonl.zst", "{}")  # not only collected
    store.open(made | {"code": "1.0.0+aaa"})
    assert capsys.readouterr().err == ""
    store.open(made | {"code": "1.0.1+bbb"})
    assert "started by 1.0.0+aaa and goes on under 1.0.1+bbb" in capsys.readouterr().err
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text("utf-8"))
    assert [each["code"] for each in manifest["resumed_under"]] == ["1.0.1+bbb"]
