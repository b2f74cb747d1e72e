"""CodeI/O as a resources server of NeMo Gym: `verify` judges the response by execution."""

from nemo_gym.base_resources_server import (
    BaseResourcesServerConfig,
    BaseVerifyRequest,
    BaseVerifyResponse,
    ReverifyMode,
    SimpleResourcesServer,
)

from recipes.environments.questions import Question, verdict


class CodeIOConfig(BaseResourcesServerConfig):
    """`verifier_url`: the service that judges; empty: VERIFIER_URL, else a sandbox in this process."""

    REVERIFY_MODE = ReverifyMode.STATELESS
    verifier_url: str = ""


class CodeIOVerifyRequest(BaseVerifyRequest):
    """The row's own fields beside the response (`input`, `output`: JSON texts)."""

    task: str
    code: str
    input: str
    output: str


class CodeIOVerifyResponse(CodeIOVerifyRequest, BaseVerifyResponse):
    """The request with its reward, and the class of the verdict."""

    verdict: str = ""


class CodeIOResourcesServer(SimpleResourcesServer):
    """Keeps no state: a verdict follows from the row and the response."""

    config: CodeIOConfig

    async def verify(self, body: CodeIOVerifyRequest) -> CodeIOVerifyResponse:
        """1.0 for a right answer, else 0.0; where nobody can judge, the sample is masked."""
        question = Question("", [], body.task, body.code, body.input, body.output)
        try:
            told = await verdict(question, body.response.output_text or "", self.config.verifier_url or None)
        except Exception as error:  # of the judge, not of an answer
            why = f"{type(error).__name__}: {error}"
            return CodeIOVerifyResponse(**body.model_dump(), reward=0.0, mask_sample=True, failure_reason=why)
        return CodeIOVerifyResponse(
            **body.model_dump(), reward=1.0 if told["correct"] else 0.0, verdict=str(told["status"])
        )


if __name__ == "__main__":
    CodeIOResourcesServer.run_webserver()
