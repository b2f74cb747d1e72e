"""Tells which code made a run: the version number of this software, and the git commit of the checkout where there is one."""

from functools import cache
from pathlib import Path

_CHECKOUT = Path(__file__).resolve().parents[2]
VERSION = "0.3.0"  # also in CITATION.cff and CHANGELOG.md; a test holds them together


@cache
def commit(checkout: Path = _CHECKOUT) -> str:
    """The commit that a checkout stands at, as 12 hex digits; "" outside of git. Edits that are not committed do not show."""
    try:
        folder = checkout / ".git"
        if folder.is_file():  # a worktree or a submodule: the file names the folder
            folder = checkout / folder.read_text("utf-8").removeprefix("gitdir:").strip()
        head = (folder / "HEAD").read_text("utf-8").strip()
        if not head.startswith("ref: "):
            return head[:12]
        name = head.removeprefix("ref: ")
        shared = folder / "commondir"
        folders = [folder, folder / shared.read_text("utf-8").strip()] if shared.exists() else [folder]
        for each in folders:
            if (each / name).is_file():
                return (each / name).read_text("utf-8").strip()[:12]
            packed = each / "packed-refs"
            for line in packed.read_text("utf-8").split("\n") if packed.is_file() else ():
                if line.endswith(f" {name}"):
                    return line[:12]
    except (OSError, UnicodeDecodeError):
        pass
    return ""


def code_version() -> str:
    """The version with the commit, such as "0.3.0+1a2b3c4d5e6f"."""
    return f"{VERSION}+{commit()}" if commit() else VERSION
