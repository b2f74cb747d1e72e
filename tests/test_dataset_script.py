"""Under datasets 3.x, `load_dataset` takes codeio_dataset.py as a script; later majors refuse scripts, which is tested too."""

from pathlib import Path

import datasets
import pytest

from tests.build.conftest import write_recipe

ROOT = Path(__file__).resolve().parents[1]
MAJOR = int(datasets.__version__.split(".")[0])


@pytest.mark.skipif(MAJOR >= 4, reason="datasets 4 and later refuse scripts")
@pytest.mark.parametrize("config", ["codeio_pp", "functions"])
def test_the_script_loads(tmp_path: Path, config: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    data = datasets.load_dataset(
        "codeio_dataset.py",
        config,
        recipe=str(write_recipe(tmp_path)),
        trust_remote_code=True,
        cache_dir=str(tmp_path / "cache"),
    )
    assert set(data) == {"train", "test"} and len(data["train"]) > 0


@pytest.mark.skipif(MAJOR < 4, reason="datasets 3 takes scripts")
def test_a_script_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="scripts are no longer supported"):
        datasets.load_dataset(str(ROOT / "codeio_dataset.py"), "codeio_pp", cache_dir=str(tmp_path))
