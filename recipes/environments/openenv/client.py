"""The client of the CodeI/O environment."""

from typing import Any

from openenv.core import EnvClient
from openenv.core.client_types import StepResult
from openenv.core.env_server.types import State

from .models import CodeIOAction, CodeIOObservation


class CodeIOEnv(EnvClient[CodeIOAction, CodeIOObservation, State]):
    """Asks a running server, in a session of its own.

    with CodeIOEnv(base_url="http://localhost:8000").sync() as env:
        question = env.reset().observation          # or reset(id=...)
        result = env.step(CodeIOAction(response=answer(question.prompt)))
        result.reward, result.done, result.observation.verdict
    """

    def _step_payload(self, action: CodeIOAction) -> dict[str, Any]:
        return {"response": action.response}

    def _parse_result(self, payload: dict[str, Any]) -> StepResult[CodeIOObservation]:
        seen = payload.get("observation", {})
        fields = {name: seen.get(name, "") for name in ("id", "task", "prompt", "verdict")}
        done, reward = payload.get("done", False), payload.get("reward")
        return StepResult(observation=CodeIOObservation(**fields, done=done, reward=reward), reward=reward, done=done)

    def _parse_state(self, payload: dict[str, Any]) -> State:
        return State(episode_id=payload.get("episode_id"), step_count=payload.get("step_count", 0))
