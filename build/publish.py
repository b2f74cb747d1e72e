"""Stage 8, publish: a finished dataset folder to the Hub.

The folder is uploaded as it is: nothing is encoded again, and files that the repository already has are not sent twice, so
an interrupted upload is resumed by running the command again.
"""

from pathlib import Path

import httpx2
from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalTokenNotFoundError

from build.store import RunError

HUB_ERRORS = (httpx2.TransportError, HfHubHTTPError, OSError)  # a Hub that cannot be reached, or refuses


def publish(folder: Path, repo: str, private: bool) -> str:
    """Upload a dataset folder to `repo` (ORG/NAME), which is created when it is not there; the commit's address.

    Raises `RunError` with one sentence when the Hub refuses or cannot be reached.
    """
    if repo.rpartition("/")[2] == "codeio_dataset":
        raise RunError("a repository must not be called codeio_dataset: datasets would take it for a loading script.")
    api = HfApi()
    try:
        api.create_repo(repo, repo_type="dataset", private=private, exist_ok=True)
        return str(
            api.upload_folder(repo_id=repo, repo_type="dataset", folder_path=folder, commit_message="CodeI/O dataset")
        )
    except (*HUB_ERRORS, HFValidationError, LocalTokenNotFoundError) as error:
        reason = " ".join(str(error).split())[:300]
        raise RunError(f"{repo}: the Hub did not take the folder ({reason}); check HF_TOKEN and run again.") from error
