"""The design's borders, held by a test: who starts processes, opens sockets, writes run files, and imports whom."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = [
    path.relative_to(ROOT)
    for folder in ("build", "recipes", "eval", "tests")
    for path in sorted((ROOT / folder).rglob("*.py"))
] + [Path("codeio_dataset.py")]
PIPELINE = [path for path in SOURCES if path.parts[0] == "build"]


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse((ROOT / path).read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def calls(path: Path) -> set[str]:
    """Dotted names of what a module calls, and bare method names with a leading dot."""
    found = set()
    for node in ast.walk(ast.parse((ROOT / path).read_text("utf-8"))):
        if isinstance(node, ast.Call):
            found.add(ast.unparse(node.func))
            if isinstance(node.func, ast.Attribute):
                found.add(f".{node.func.attr}")
    return found


@pytest.mark.parametrize("path", PIPELINE, ids=str)
def test_only_the_sandbox_starts_processes_for_foreign_code(path: Path) -> None:
    if path.parts[1] != "sandbox" and path.parts[1] != "bench":
        assert not {"subprocess", "pty"} & set(imported(path))
        assert not {"exec", "eval", "os.fork", "os.system", "os.popen", "os.execv"} & calls(path)


@pytest.mark.parametrize("path", PIPELINE, ids=str)
def test_only_teachers_open_sockets(path: Path) -> None:
    if path.parts[1] not in ("teachers", "bench") and path.name != "hub.py":
        assert not {"socket", "http.client", "urllib.request", "httpx", "httpx2", "requests", "openai"} & set(
            imported(path)
        )


@pytest.mark.parametrize("path", PIPELINE, ids=str)
def test_only_the_store_writes_run_files(path: Path) -> None:
    if path.name not in ("store.py", "cache.py") and path.parts[1] not in ("sandbox", "bench"):
        assert not {".write_text", ".write_bytes", ".mkdir", ".unlink", ".touch"} & calls(path)


@pytest.mark.parametrize("path", PIPELINE, ids=str)
def test_lines_end_at_line_breaks_alone(path: Path) -> None:
    assert ".splitlines" not in calls(path)  # it also splits at form feeds and at U+2028, which strings may hold


@pytest.mark.parametrize("path", SOURCES, ids=str)
def test_imports_go_one_way(path: Path) -> None:
    lower = {
        "build": {"recipes", "eval", "codeio_dataset", "tests"},
        "eval": {"recipes", "codeio_dataset", "tests"},
        "recipes": {"codeio_dataset", "tests"},
    }
    tops = {name.split(".")[0] for name in imported(path)}
    assert not tops & lower.get(path.parts[0], set())


def test_the_core_needs_no_torch() -> None:
    heavy = {"torch", "transformers", "trl", "vllm", "ray", "lm_eval"}
    for path in (*PIPELINE, Path("codeio_dataset.py")):
        tree = ast.parse((ROOT / path).read_text("utf-8"))
        top = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
        names = {ast.unparse(node).split()[1].split(".")[0] for node in top}
        assert not names & heavy, path


@pytest.mark.parametrize("path", SOURCES, ids=str)
def test_modules_stay_readable_in_one_sitting(path: Path) -> None:
    assert len((ROOT / path).read_text("utf-8").splitlines()) <= 600
    assert path.stem not in ("utils", "helpers", "common", "misc")
