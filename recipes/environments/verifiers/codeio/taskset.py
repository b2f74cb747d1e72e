"""CodeI/O: predict what code gives, or find an input that gives a result; judged by running the code in a sandbox.

    vf-eval codeio -n 5 -m MODEL --env.taskset.data ORG/NAME --env.taskset.verifier-url http://127.0.0.1:8700 \
        --env.agent.harness.id null --env.agent.runtime.type subprocess --no-push
    vf-validate codeio --taskset.data ORG/NAME --runtime.type subprocess     # gold answers pass, silence does not
"""

from collections.abc import Iterator
from typing import Any, Literal

import verifiers.v1 as vf

try:
    from .partial_credit import partial_credit, well_formed  # type: ignore[import-not-found]
    from .questions import Question, questions, verdict  # type: ignore[import-not-found]
except ImportError:  # not installed, but used from a checkout
    from recipes.environments.questions import Question, questions, verdict
    from recipes.partial_credit import partial_credit, well_formed

_SCORING_S = 900.0  # a stuck verifier must not hold a run for ever


class CodeIOData(vf.TaskData):
    """A question with what the verifier needs (`input`, `output`: JSON texts). The model sees the prompt alone."""

    task: str
    code: str
    input: str
    output: str
    pass_rate: float | None = None


class CodeIOTaskConfig(vf.TaskConfig):
    """Who judges: the verifier service at this URL; default: VERIFIER_URL, else a sandbox of this process (checkout only)."""

    verifier_url: str | None = None


class CodeIOTask(vf.Task[CodeIOData, vf.State, CodeIOTaskConfig]):
    """One question. `correct` is the reward; `partial_credit` and `well_formed` weigh nothing unless a configuration says so,
    as in `--env.taskset.task.rewards.partial_credit.weight 0.2`.
    """

    def __init__(self, data: CodeIOData, config: CodeIOTaskConfig | None = None) -> None:
        super().__init__(data, config)
        self._verdicts: dict[str, dict[str, Any]] = {}

    @property
    def key(self) -> str:
        return str(self.data.id)

    @property
    def _question(self) -> Question:
        data = self.data
        return Question(str(data.id), [], data.task, data.code, data.input, data.output, data.pass_rate)

    async def _verdict(self, response: str) -> dict[str, Any]:
        if response not in self._verdicts:
            self._verdicts[response] = await verdict(self._question, response, self.config.verifier_url)
        return self._verdicts[response]

    @vf.reward(weight=1.0)
    async def correct(self, trace: vf.Trace) -> float:
        """1.0 when the answer is right by execution."""
        return 1.0 if (await self._verdict(trace.last_reply))["correct"] else 0.0

    @vf.reward(weight=0.0)
    async def partial_credit(self, trace: vf.Trace) -> float:
        """1.0 for a right answer, and for a wrong one how close it came, under 1.0."""
        told = await self._verdict(trace.last_reply)
        return float(
            partial_credit(self.data.task, self.data.output, told["status"], told["predicted"], told["actual"])
        )

    @vf.reward(weight=0.0)
    async def well_formed(self, trace: vf.Trace) -> float:
        """1.0 when the response ends with one JSON object that holds the answer."""
        return float(well_formed(trace.last_reply, self.data.task))

    @vf.metric
    async def verdict(self, trace: vf.Trace) -> dict[str, float]:
        """The class of the verdict."""
        return {f"verdict_{(await self._verdict(trace.last_reply))['status']}": 1.0}

    async def validate(self, runtime: Any) -> bool:
        """Whether the gold answer passes."""
        return bool((await self._verdict(self._question.gold))["correct"])


class CodeIOConfig(vf.TasksetConfig):
    """Which questions: a dataset folder or Hub repository with the config `rl`, its split, one task, a range of pass rates."""

    data: str = "runs/demo/dataset"
    split: str = "train"
    kind: Literal["output", "input", "step", "induction"] | None = None
    min_pass_rate: float = 0.0
    max_pass_rate: float = 1.0
    verifier_url: str | None = None
    task: CodeIOTaskConfig = CodeIOTaskConfig()


class CodeIOTaskset(vf.Taskset[CodeIOTask, CodeIOConfig]):
    """The questions of a dataset in their order."""

    def load(self) -> Iterator[CodeIOTask]:
        asked = self.config
        task = asked.task
        if asked.verifier_url:
            task = task.model_copy(update={"verifier_url": asked.verifier_url})
        for one in questions(asked.data, asked.split, asked.kind, asked.min_pass_rate, asked.max_pass_rate):
            data = CodeIOData(
                id=one.id,
                name=one.id,
                prompt=one.prompt[-1]["content"],
                timeout=vf.TaskTimeout(scoring=_SCORING_S),
                task=one.task,
                code=one.code,
                input=one.input,
                output=one.output,
                pass_rate=one.pass_rate,
            )
            yield CodeIOTask(data, task)
