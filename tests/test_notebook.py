"""The notebook of the documentation runs, and shows what it prints."""

import json
from pathlib import Path

import pytest

from tests.notebook import printed, shown

DOCS = Path(__file__).resolve().parents[1] / "docs"


@pytest.mark.parametrize("path", sorted(DOCS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_notebook_shows_what_it_prints(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(DOCS)  # a notebook may go elsewhere
    notebook = json.loads(path.read_text("utf-8"))
    assert printed(notebook) == shown(notebook)
