"""Lists the 14 benchmarks of the paper's table, in its order, and the held-out test.

A benchmark is a module of `eval.scorers` that exports `BENCHMARK`. To add one, write the module, name it here, and add its task
file to `eval/tasks`.
"""

from eval.scorers import (
    bbh,
    bbh_zh,
    codeio,
    cruxeval,
    drop,
    gpqa,
    gsm8k,
    hendrycks_math,
    korbench,
    leetcode_o,
    livebench,
    mmlu_stem,
    winogrande,
    zebralogic,
)

BENCHMARKS = (
    winogrande.BENCHMARK,
    drop.BENCHMARK,
    gsm8k.BENCHMARK,
    hendrycks_math.BENCHMARK,
    gpqa.BENCHMARK,
    mmlu_stem.BENCHMARK,
    leetcode_o.BENCHMARK,
    cruxeval.BENCHMARK_INPUT,
    cruxeval.BENCHMARK_OUTPUT,
    bbh.BENCHMARK,
    bbh_zh.BENCHMARK,
    zebralogic.BENCHMARK,
    korbench.BENCHMARK,
    livebench.BENCHMARK,
)
# Not a column of the paper, and not in its average: the number that training should move first.
HELD_OUT = codeio.BENCHMARK
BY_NAME = {benchmark.name: benchmark for benchmark in (*BENCHMARKS, HELD_OUT)}
COLUMNS = tuple(benchmark.column for benchmark in BENCHMARKS)
