"""The application: `uvicorn server.app:app` in the folder above, with the project's checkout on PYTHONPATH."""

import os

import uvicorn
from openenv.core.env_server.http_server import create_app

try:
    from ..models import CodeIOAction, CodeIOObservation
    from .codeio_environment import CodeIOEnvironment
except ImportError:  # started as `server.app` from the folder above, as OpenEnv does
    from models import CodeIOAction, CodeIOObservation  # type: ignore[import-not-found,no-redef]
    from server.codeio_environment import CodeIOEnvironment  # type: ignore[import-not-found,no-redef]

app = create_app(
    CodeIOEnvironment,
    CodeIOAction,
    CodeIOObservation,
    env_name="codeio",
    max_concurrent_envs=int(os.environ.get("CODEIO_SESSIONS", "256")),
)


def main() -> None:
    """Serve on loopback."""
    uvicorn.run(app, host="127.0.0.1", port=8000)


if __name__ == "__main__":
    main()
