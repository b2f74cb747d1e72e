"""Whether the Hub can be reached, asked once and briefly, so that commands that can do without it do not wait for retries."""

import os
import socket
from urllib.parse import urlparse

_SECONDS = 3.0


def hub_is_reachable() -> bool:
    """Whether a connection to the Hub (HF_ENDPOINT) opens within three seconds; a proxy counts as reachable."""
    if os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on"):
        return False
    if any(os.environ.get(name) for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")):
        return True
    address = urlparse(os.environ.get("HF_ENDPOINT") or "https://huggingface.co")
    try:
        with socket.create_connection((address.hostname or "", address.port or 443), timeout=_SECONDS):
            return True
    except OSError:
        return False


def go_offline_if_unreachable() -> bool:
    """Tell the Hugging Face libraries to stay offline when the Hub cannot be reached; returns whether it can.

    It works only before those libraries are imported, since they read the variable then.
    """
    reachable = hub_is_reachable()
    if not reachable:
        os.environ["HF_HUB_OFFLINE"] = "1"
    return reachable
