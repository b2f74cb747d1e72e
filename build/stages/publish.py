"""Publishes a finished dataset folder on the Hub.

The folder is uploaded as it is: nothing is encoded again, and files that the repository already has are not sent twice, so
an interrupted upload is resumed by running the command again. What may pass (a Hub that is busy or broken for a moment, a
connection that is lost) is tried again.
"""

import sys
from pathlib import Path

from huggingface_hub import HfApi, get_token
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled
from huggingface_hub.utils import validate_repo_id
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_exponential

from build.core.errors import RunError

_MAY_PASS = {429, 500, 502, 503, 504}
_WAIT = wait_exponential(multiplier=2, max=60)
_TRIES = 8


def check_target(repo: str) -> None:
    """Raises `RunError` where an upload to `repo` cannot succeed, before a run is spent on it."""
    if repo.rpartition("/")[2] == "codeio_dataset":
        raise RunError("a repository must not be called codeio_dataset: datasets would take it for a loading script.")
    try:
        validate_repo_id(repo)
    except HFValidationError as error:
        raise RunError(f"--push-to-hub: {' '.join(str(error).split()).rstrip('.')}; give ORG/NAME.") from error
    if get_token() is None:
        raise RunError("--push-to-hub: there is no token for the Hub; export HF_TOKEN.")


def publish(folder: Path, repo: str, private: bool) -> str:
    """Upload a dataset folder to `repo` (ORG/NAME), which is created when it is not there; the commit's address.

    Raises `RunError` with one sentence when the Hub or its storage refuses or cannot be reached.
    """
    check_target(repo)
    api = HfApi()
    try:
        for attempt in Retrying(
            retry=retry_if_exception(_may_pass),
            stop=stop_after_attempt(_TRIES),
            wait=_WAIT,
            before_sleep=_tell,
            reraise=True,
        ):
            with attempt:
                api.create_repo(repo, repo_type="dataset", private=private, exist_ok=True)
                commit = api.upload_folder(
                    repo_id=repo, repo_type="dataset", folder_path=folder, commit_message="CodeI/O dataset"
                )
        return str(commit)
    except Exception as error:  # the Hub's clients raise many kinds; a storage error is a RuntimeError
        cause = _cause(error)
        reason = f"{type(cause).__name__}: {' '.join(str(cause).split())[:300].rstrip('.')}"
        refused = isinstance(cause, HfHubHTTPError) and cause.response.status_code in (401, 403)
        todo = "check HF_TOKEN and what it may write" if refused else "mend that"
        raise RunError(f"{repo}: the Hub did not take the folder ({reason}); {todo} and run again.") from error


def _may_pass(error: BaseException) -> bool:
    cause = _cause(error)
    if isinstance(cause, HfHubHTTPError):
        return cause.response.status_code in _MAY_PASS
    return isinstance(cause, ConnectionError | TimeoutError) and not isinstance(cause, OfflineModeIsEnabled)


def _tell(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    what = f"{type(_cause(error)).__name__}: {' '.join(str(_cause(error)).split())[:200]}" if error else ""
    print(f"The Hub did not take the folder ({what}); trying again in {state.upcoming_sleep:.0f} s.", file=sys.stderr)


def _cause(error: BaseException) -> BaseException:
    """The error below a client's error that says the most: the first answer of the Hub, else the first cause."""
    while error.__cause__ is not None and not isinstance(error, HfHubHTTPError):
        error = error.__cause__
    return error
