"""One question an episode: `reset` asks it, `step` takes the answer and ends the episode with the verdict as reward.

CODEIO_DATA names a dataset folder or Hub repository with the config `rl`, CODEIO_SPLIT its split, VERIFIER_URL a verifier
service; without one a sandbox in this process judges.
"""

import os
import random
from functools import cache
from typing import Any
from uuid import uuid4

from openenv.core.env_server.interfaces import Environment
from openenv.core.env_server.types import State

from recipes.environments.questions import Question, questions, verdicts

try:
    from ..models import CodeIOAction, CodeIOObservation
except ImportError:  # started as `server.app` from the folder above, as OpenEnv does
    from models import CodeIOAction, CodeIOObservation  # type: ignore[import-not-found,no-redef]


@cache
def _questions() -> dict[str, Question]:
    """The questions by id, read once for all sessions."""
    data, split = os.environ.get("CODEIO_DATA", "runs/demo/dataset"), os.environ.get("CODEIO_SPLIT", "train")
    return {one.id: one for one in questions(data, split)}


class CodeIOEnvironment(Environment):
    """A session; trainers open one for each answer that is under way."""

    SUPPORTS_CONCURRENT_SESSIONS = True

    def __init__(self) -> None:
        super().__init__()
        self._question: Question | None = None
        self._state = State(episode_id=str(uuid4()), step_count=0)

    def reset(
        self, seed: int | None = None, episode_id: str | None = None, id: str | None = None, **others: Any
    ) -> CodeIOObservation:
        """Ask the question `id`, or one drawn with `seed`. Raises `ValueError` for an id that is not there."""
        known = _questions()
        if id is not None and id not in known:
            raise ValueError(f"there is no question '{id}'")
        self._question = known[id if id is not None else random.Random(seed).choice(list(known))]
        self._state = State(episode_id=episode_id or str(uuid4()), step_count=0)
        return self._seen(self._question, done=False, reward=0.0)

    def step(self, action: CodeIOAction, timeout_s: float | None = None, **others: Any) -> CodeIOObservation:
        """Judge the answer; the episode is over."""
        if self._question is None:
            self.reset()
        question = self._question
        assert question is not None
        (told,) = verdicts([question.answer(action.response)])
        self._state.step_count += 1
        return self._seen(question, done=True, reward=1.0 if told["correct"] else 0.0, verdict=told["status"])

    @property
    def state(self) -> State:
        return self._state

    @staticmethod
    def _seen(question: Question, **more: Any) -> CodeIOObservation:
        return CodeIOObservation(id=question.id, task=question.task, prompt=question.prompt[-1]["content"], **more)
