"""The design's borders, held by a test: which room imports which, who starts processes, opens sockets and writes run files."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from build.stages import STAGES

ROOT = Path(__file__).resolve().parents[1]
SOURCES = [
    path.relative_to(ROOT)
    for folder in ("build", "recipes", "eval", "tests")
    for path in sorted((ROOT / folder).rglob("*.py"))
] + [Path("codeio_dataset.py")]
PIPELINE = [path for path in SOURCES if path.parts[0] == "build"]

# The rooms of build/ from the ground up: a module imports from its own room and from those before it, never from a later one.
ROOMS = [
    "sandbox",
    "core",
    "verify",
    "client",
    "judges",
    "serve",
    "matching",
    "proof",
    "sources",
    "unifiers",
    "teachers",
    "stages",
    "workers",
    "engine",
    "report",
    "builder",
    "bench",
    "__main__",
]
# The modules of build/stages/ in the order in which a record goes through them; `stage` defines what a stage is.
ORDER = ["stage", *(stage.name for stage in STAGES), "assemble", "publish"]


def imported(path: Path) -> Iterator[str]:
    """Every module that a file imports, and for `from package import module` the module's own dotted name too."""
    for node in ast.walk(ast.parse((ROOT / path).read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)


def calls(path: Path) -> set[str]:
    """Dotted names of what a module calls, and bare method names with a leading dot."""
    found = set()
    for node in ast.walk(ast.parse((ROOT / path).read_text("utf-8"))):
        if isinstance(node, ast.Call):
            found.add(ast.unparse(node.func))
            if isinstance(node.func, ast.Attribute):
                found.add(f".{node.func.attr}")
    return found


def room_of(dotted: str) -> str:
    return dotted.split(".")[1]


def test_the_rooms_are_those_that_are_drawn() -> None:
    top = {path.parts[1].removesuffix(".py") for path in PIPELINE} - {"__init__"}
    assert top == set(ROOMS)
    assert len([room for room in ROOMS if (ROOT / "build" / room).is_dir()]) <= 10


@pytest.mark.parametrize("path", PIPELINE, ids=str)
def test_no_import_in_build_points_to_a_later_room(path: Path) -> None:
    own = path.parts[1].removesuffix(".py")
    if own == "__init__":
        return
    later = set(ROOMS[ROOMS.index(own) + 1 :])
    assert not {name for name in imported(path) if name.startswith("build.") and room_of(name) in later}


@pytest.mark.parametrize("path", [path for path in PIPELINE if path.parts[1] == "stages"], ids=str)
def test_no_stage_imports_a_later_stage(path: Path) -> None:
    if path.stem == "__init__":
        return
    later = {f"build.stages.{name}" for name in ORDER[ORDER.index(path.stem) + 1 :]}
    assert not later & set(imported(path))


@pytest.mark.parametrize("path", PIPELINE, ids=str)
def test_only_the_sandbox_starts_processes_for_foreign_code(path: Path) -> None:
    if path.parts[1] not in ("sandbox", "bench"):
        assert not {"subprocess", "pty"} & set(imported(path))
        assert not {"exec", "eval", "os.fork", "os.system", "os.popen", "os.execv"} & calls(path)


@pytest.mark.parametrize("path", PIPELINE, ids=str)
def test_only_teachers_and_the_verifier_service_open_sockets(path: Path) -> None:
    if path.parts[1] not in ("teachers", "bench", "client.py", "serve.py") and path.name != "hub.py":
        network = {"socket", "http.client", "urllib.request", "aiohttp", "httpx", "httpx2", "requests", "openai"}
        assert not network & set(imported(path))


def test_the_client_needs_only_the_standard_library() -> None:
    """Environment packages carry it to where the rest of the project is not installed."""
    assert {name.split(".")[0] for name in imported(Path("build/client.py"))} <= sys.stdlib_module_names


@pytest.mark.parametrize("path", PIPELINE, ids=str)
def test_only_the_store_writes_run_files(path: Path) -> None:
    if path.name not in ("store.py", "cache.py", "builder.py") and path.parts[1] not in ("sandbox", "bench"):
        assert not {".write_text", ".write_bytes", ".mkdir", ".unlink", ".touch"} & calls(path)


@pytest.mark.parametrize("path", PIPELINE, ids=str)
def test_lines_end_at_line_breaks_alone(path: Path) -> None:
    assert ".splitlines" not in calls(path)  # it also splits at form feeds and at U+2028, which strings may hold


@pytest.mark.parametrize("path", SOURCES, ids=str)
def test_imports_between_the_packages_go_one_way(path: Path) -> None:
    forbidden = {
        "build": {"recipes", "eval", "codeio_dataset", "tests"},
        "eval": {"recipes", "codeio_dataset", "tests"},
        "recipes": {"codeio_dataset", "tests"},
    }
    tops = {name.split(".")[0] for name in imported(path)}
    assert not tops & forbidden.get(path.parts[0], set())


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


@pytest.mark.parametrize("path", SOURCES, ids=str)
def test_messages_and_docstrings_have_no_guillemets(path: Path) -> None:
    marks = ("\N{LEFT-POINTING DOUBLE ANGLE QUOTATION MARK}", "\N{RIGHT-POINTING DOUBLE ANGLE QUOTATION MARK}")
    assert not any(mark in (ROOT / path).read_text("utf-8") for mark in marks)


@pytest.mark.parametrize("name", ["README.md", "ARCHITECTURE.md"])
def test_the_pictures_of_the_flow_show_the_stages_in_order(name: str) -> None:
    pictures = (ROOT / name).read_text("utf-8").split("```")[1::2]
    (picture,) = (each for each in pictures if "type_filter" in each and "assemble" in each)
    places = [picture.find(f"{stage.name} ") for stage in STAGES]
    assert -1 not in places and places == sorted(places)
