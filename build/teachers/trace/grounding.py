"""Trace grounding: the run of a function, told for a teacher to retell, and its answer held against the trace."""

from build.proof.check import Report, check_telling
from build.sandbox import Program, Sandbox, Trace
from build.teachers.trace.narrate import narrate

_TOLD_TOKENS = 400


class Grounds:
    """The traces of the runs that a batch is about; each run is traced once."""

    def __init__(self, sandbox: Sandbox, limit: float | None = None) -> None:
        """`limit`: the share of judged sentences that may be refuted before a response is dropped; None drops none."""
        self._sandbox = sandbox
        self._limit = limit
        self._traces: dict[tuple[str, str], Trace] = {}

    def told(self, code: str, input: str) -> str:
        """The run in words, with what it returns; a run that cannot be traced is told as its status."""
        trace = self._trace(code, input)
        if trace.result.status != "ok":
            return f"The run ends with: {trace.result.status}."
        return f"{narrate(code, trace, _TOLD_TOKENS, _TOLD_TOKENS).text} The output is {trace.result.value}."

    def check(self, response: str, code: str, input: str) -> Report:
        """What the trace says about the sentences of a response."""
        trace = self._trace(code, input)
        return check_telling(response, code, trace.events, trace.result.value)

    def refused(self, report: Report) -> str:
        """Why a response is to be dropped, "" where it is not: one of its refuted sentences, where these are too many."""
        refuted = [one for one in report.sentences if one.status == "refuted"]
        judged = len(refuted) + report.count("confirmed")
        if self._limit is None or not refuted or len(refuted) / judged <= self._limit:
            return ""
        return (
            f"{len(refuted)} of {judged} sentences are refuted, such as: {refuted[0].sentence[:160]} ({refuted[0].why})"
        )

    def _trace(self, code: str, input: str) -> Trace:
        key = (code, input)
        if key not in self._traces:
            self._traces[key] = self._sandbox.trace(Program(code), input)
        return self._traces[key]
