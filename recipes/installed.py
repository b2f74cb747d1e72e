"""Checks that what a run needs is installed, each with one sentence on what to install; imports nothing heavy itself."""

import difflib
import importlib.util
import sys
from typing import Any, NoReturn

_INSTALL = {
    "flash_attention_2": "pip install flash-attn --no-build-isolation, or pip install kernels",
    "flash_attention_3": "pip install kernels (it fetches a built FlashAttention 3)",
    "flash_attention_4": "pip install kernels (it fetches a built FlashAttention 4)",
}
_NEEDED = ("torch", "transformers", "trl", "peft", "accelerate", "datasets", "click", "tabulate", "yaml")
_PLAIN = ("eager", "sdpa", "flex_attention")
_TRACKERS = {
    "wandb": "wandb",
    "trackio": "trackio",
    "tensorboard": "tensorboard",
    "mlflow": "mlflow",
    "swanlab": "swanlab",
}


def exit_missing(error: Exception) -> NoReturn:
    """End the program with the sentence that a missing package deserves; any other error is raised again."""
    missing = [package for package in _NEEDED if not has(package)]
    if not missing:
        raise error
    what = f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not installed"
    print(f"error: {what}; pip install -r requirements/train.txt.", file=sys.stderr)
    raise SystemExit(2)


def has(package: str) -> bool:
    """Whether a package can be imported, without importing it."""
    try:
        return importlib.util.find_spec(package) is not None
    except (ImportError, ValueError):
        return False


def attention_fault(kernel: str | None) -> str:
    """Why attention cannot be computed by `kernel` (the key attn_implementation) on this machine, or the empty string."""
    if kernel is None or kernel in _PLAIN:
        return ""
    import torch
    from transformers.modeling_flash_attention_utils import FLASH_ATTENTION_COMPATIBILITY_MATRIX

    hub_kernel = "/" in kernel
    if kernel not in _INSTALL and not hub_kernel:
        near = difflib.get_close_matches(kernel, [*_PLAIN, *_INSTALL], n=1)
        known = f"did you mean '{near[0]}'?" if near else f"known: {', '.join([*_PLAIN, *_INSTALL])}"
        return f"'{kernel}' is not an attention kernel; {known}"
    if not torch.cuda.is_available():
        return f"'{kernel}' needs a GPU and this machine shows none; on a CPU take sdpa"
    if has("kernels"):
        return ""
    if hub_kernel:
        return f"'{kernel}' is fetched by the package kernels, which is not installed; pip install kernels"
    if not FLASH_ATTENTION_COMPATIBILITY_MATRIX[int(kernel[-1])]["general_availability_check"]():
        return f"'{kernel}' is not installed; {_INSTALL[kernel]}, or take sdpa (slower, and it pads packed rows)"
    return ""


def tracker_fault(report_to: Any) -> str:
    """Which tracker of the key report_to is not installed, or the empty string."""
    asked = [report_to] if isinstance(report_to, str) else list(report_to or [])
    for name in asked:
        if name in _TRACKERS and not has(_TRACKERS[name]):
            return f"'{name}' is not installed; pip install {_TRACKERS[name]}, or report_to: none"
    return ""
