"""Scores stored responses: `python -m eval score RUN` needs the benchmarks' rows, and no model."""

from collections import defaultdict
from collections.abc import Sequence

from tqdm import tqdm

from build.sandbox import Limits, Sandbox
from eval.benchmark import Benchmark, Row
from eval.benchmarks import BENCHMARKS, BY_NAME, COLUMNS
from eval.rows import Unavailable, Where, load
from eval.run_folder import BadRun, Column, Response, Run, ScoredItem, Summary
from eval.scorers import UNANSWERED, Score
from eval.statistics import Combine, Estimate, covariance, estimate, macro


class Unscorable(RuntimeError):
    """A benchmark none of whose items its scorer can judge; the message says why."""


def judge(benchmark: Benchmark, row: Row, response: str, sandbox: Sandbox | None) -> Score:
    """The score of one response."""
    return benchmark.score(row, response, sandbox) if benchmark.in_sandbox else benchmark.score(row, response)


def combined(combine: Combine, values: Sequence[tuple[str, float]]) -> float:
    """A benchmark's figure, in 0..1."""
    return estimate(combine, values).value


def score_run(run: Run) -> Summary:
    """Score every stored response of a run, and write scores and summary. Raises `BadRun` or `Unavailable`."""
    manifest = run.manifest()
    where = Where(manifest.get("data"), manifest.get("held_out"))
    unavailable: dict[str, str] = dict(manifest.get("unavailable", {}))
    columns = []
    stored = run.benchmarks()
    if not stored:
        raise BadRun(f"{run.path} has no responses yet: `python -m eval run` makes them")
    for benchmark in [benchmark for name, benchmark in BY_NAME.items() if name in stored]:
        with Sandbox(Limits(call_cpu_s=benchmark.cpu_s)) as sandbox:
            try:
                columns.append(_score_benchmark(run, benchmark, where, sandbox))
            except (Unavailable, Unscorable) as error:
                unavailable[benchmark.name] = str(error)
    summary = _summary(columns, unavailable, _covariances(run, columns))
    run.write_summary(summary)
    return summary


def _score_benchmark(run: Run, benchmark: Benchmark, where: Where, sandbox: Sandbox) -> Column:
    items = {item.id: item for item in load(benchmark.name, where)}
    scored: list[ScoredItem] = []
    judged: list[tuple[Row, Score]] = []
    broken: list[str] = []
    responses: list[Response] = []
    known = run.responses(benchmark.name)
    strangers = [response for response in known.values() if response.id not in items]
    if strangers:
        raise BadRun(
            f"{benchmark.column}: {len(strangers)} of {len(known)} responses belong to no row of the data; "
            "it has changed since the run, so score with the data that the run used"
        )
    for item in tqdm(
        [item for item in items.values() if item.id in known], desc=benchmark.column, unit="item", leave=False
    ):
        response = known[item.id]
        if response.prompt_sha != item.prompt_sha:
            raise BadRun(
                f"{benchmark.column}: the prompt of item {item.id} has changed since its response; run it again"
            )
        try:
            score = judge(benchmark, item.row, response.text, sandbox)
        except (
            Exception
        ) as error:  # whatever a scorer or its libraries raise costs this item: it is 0, named and counted
            broken.append(f"{type(error).__name__}: {error}")
            tqdm.write(f"{benchmark.column}, item {item.id}: the scorer failed ({broken[-1]}); it counts as 0")
            score = UNANSWERED
        responses.append(response)
        judged.append((item.row, score))
        scored.append(
            ScoredItem(item.id, item.group, score.value, score.answered, response.truncated, score.other, item.row_sha)
        )
    if broken and len(broken) == len(scored):
        raise Unscorable(f"{benchmark.column}: cannot be scored ({broken[0]})")
    run.write_scores(benchmark.name, scored)
    column = _column(benchmark, scored, sum(response.prompt_cut for response in responses), len(items))
    if benchmark.figures:
        column.other.update({name: round(100 * value, 4) for name, value in benchmark.figures(judged).items()})
    if broken:
        column.other["scorer errors"] = round(100 * len(broken) / len(scored), 4)
    return column


def _column(benchmark: Benchmark, scored: list[ScoredItem], prompts_cut: int, available: int) -> Column:
    figure = estimate(benchmark.combine, [(item.group, item.value) for item in scored])
    other: dict[str, list[float]] = defaultdict(list)
    groups: dict[str, list[float]] = defaultdict(list)
    for item in scored:
        groups[item.group].append(item.value)
        for key, value in item.other.items():
            other[key].append(value)
    means = {key: round(100 * sum(part) / len(part), 4) for key, part in other.items()}
    if benchmark.combine == "all":
        means["rows"] = round(100 * sum(item.value for item in scored) / len(scored), 4)
    if benchmark.combine == "strata":
        means["plain mean"] = round(100 * sum(item.value for item in scored) / len(scored), 4)
    few = 1 < len(groups) <= 60 and benchmark.combine in ("mean", "strata")
    by_group = {key: round(100 * sum(part) / len(part), 4) for key, part in sorted(groups.items())} if few else {}
    if by_group and benchmark.combine == "mean":
        means["mean of groups"] = round(sum(by_group.values()) / len(by_group), 4)
    return Column(
        name=benchmark.name,
        column=benchmark.column,
        n=len(scored),
        items=benchmark.items or available,
        value=100 * figure.value,
        se=100 * figure.se,
        low=100 * figure.low,
        high=100 * figure.high,
        no_answer=100 * sum(not item.answered for item in scored) / len(scored),
        truncated=100 * sum(item.truncated for item in scored) / len(scored),
        prompts_cut=prompts_cut,
        scorer_version=benchmark.version,
        other=means,
        groups=by_group,
    )


def _covariances(run: Run, columns: list[Column]) -> list[float]:
    """The covariances, in percent squared, of the columns whose benchmarks ask about the same items."""
    present = {column.name for column in columns}
    pairs = [
        (benchmark.name, benchmark.items_of)
        for benchmark in BENCHMARKS
        if {benchmark.name, benchmark.items_of} <= present
    ]
    values = {name: {item.row_sha: item.value for item in run.scores(name)} for pair in pairs for name in pair}
    return [100**2 * covariance(values[one], values[other]) for one, other in pairs]


def _summary(columns: list[Column], unavailable: dict[str, str], covariances: list[float]) -> Summary:
    paper = [column for column in columns if column.column in COLUMNS]
    if len(paper) < len(BENCHMARKS):
        return Summary(columns, None, None, unavailable)
    average = macro(
        [Estimate(column.value, column.se, column.low, column.high, column.n) for column in paper], covariances
    )
    return Summary(columns, average.value, average.se, unavailable)
