"""Runs a notebook and writes what its cells print back into it: `python -m tests.notebook docs/one_function.ipynb`.

Without Jupyter: the code cells are plain Python that prints, so that what a reader sees on the page is what a test can compare.
"""

import contextlib
import io
import json
import sys
from pathlib import Path
from typing import Any


def printed(notebook: dict[str, Any]) -> list[str]:
    """What each code cell of a notebook prints, run in order in one namespace. Raises whatever a cell raises."""
    names: dict[str, Any] = {"__name__": "__main__"}
    texts = []
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            with contextlib.redirect_stdout(io.StringIO()) as out:
                exec(compile("".join(cell["source"]), "<cell>", "exec"), names)
            texts.append(out.getvalue())
    return texts


def shown(notebook: dict[str, Any]) -> list[str]:
    """What the notebook shows below its code cells."""
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    return ["".join(line for output in cell["outputs"] for line in output["text"]) for cell in cells]


def main(path: Path) -> None:
    """Run the notebook and write it again with what its cells print."""
    notebook = json.loads(path.read_text("utf-8"))
    texts = printed(notebook)
    cells = (cell for cell in notebook["cells"] if cell["cell_type"] == "code")
    for number, (cell, text) in enumerate(zip(cells, texts, strict=True), 1):
        lines = text.splitlines(keepends=True)
        cell["execution_count"] = number
        cell["outputs"] = [{"name": "stdout", "output_type": "stream", "text": lines}] if lines else []
    path.write_text(json.dumps(notebook, ensure_ascii=False, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
