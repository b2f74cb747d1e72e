"""Starts the machine's own Chromium, which Playwright drives (its own download is not needed)."""

import os
import shutil

from playwright.sync_api import Browser, Playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def launch(playwright: Playwright) -> Browser:
    """A headless browser. Raises `FileNotFoundError` where none is installed."""
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)
    if path is None:
        raise FileNotFoundError(f"none of {', '.join(_NAMES)} is installed; name one in CHROMIUM")
    sandbox = [] if os.geteuid() else ["--no-sandbox"]  # Chromium refuses its sandbox to root
    return playwright.chromium.launch(executable_path=path, args=sandbox)
