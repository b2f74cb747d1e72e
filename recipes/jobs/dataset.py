# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "aiohttp==3.14.5",
#     "click==8.5.1",
#     "datasets==5.2.0",
#     "docstring-parser==0.18.0",
#     "fissix==24.4.24",
#     "httpx2==2.16.2",
#     "huggingface-hub==2.4.0",
#     "matplotlib==3.11.2",
#     "numpy==2.4.6",
#     "packaging==26.3",
#     "pyarrow==26.0.1",
#     "pydantic==2.14.3",
#     "pympler==1.1",
#     "PyYAML==6.0.3",
#     "rensa==0.5.0",
#     "rich==15.0.0",
#     "tabulate==0.10.0",
#     "tenacity==9.2.1",
#     "tqdm==4.70.1",
# ]
# [tool.hf-jobs]
# flavor = "cpu-upgrade"
# timeout = "2h"
# secrets = ["HF_TOKEN"]
# ///
"""Makes and publishes a dataset on HF Jobs: `hf jobs uv run -v hf://ORG/codeio:/code recipes/jobs/dataset.py RECIPE ORG/NAME`.

The checkout lies in a repository on the Hub, which the job mounts at /code (docs/HUB.md). The dependencies are those of
requirements.txt.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

CODE = Path("/code")


def command(recipe: str, repo: str, code: Path = CODE) -> list[str]:
    """What the job runs. `recipe`: its path in the checkout; `repo`: the dataset repository that it fills."""
    return [sys.executable, str(code / "codeio_dataset.py"), "--config", str(code / recipe), "--push-to-hub", repo]


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: dataset.py RECIPE ORG/NAME, as in: dataset.py recipes/data/demo.yaml me/codeio-demo")
    with tempfile.TemporaryDirectory() as folder:  # the mounted checkout is read-only, and a recipe's `run` is relative
        sys.exit(subprocess.run(command(sys.argv[1], sys.argv[2]), cwd=folder).returncode)
