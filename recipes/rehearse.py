"""Rehearses the sharded runs without a GPU: two CPU processes, tiny models, every architecture, full and LoRA.

    python -m recipes rehearse --out runs/rehearsal                      # FSDP2; ZeRO-3 too where DeepSpeed is installed
    python -m recipes rehearse --out runs/kills --kills 20               # one process, killed at 20 random moments

Each rehearsal takes a real recipe, its accelerate configuration and its launch command, and changes what a CPU forces: the
model, the data, the precision and the attention kernel. It trains once to the end; trains again, is killed while a checkpoint
is written, and is launched a second time; merges the adapter; and loads the result as any server would. What must hold: both
ways end in the same weights, and the loaded model's held-out loss is the one that the run has logged.

accelerate knows no sharding of CPU processes, so `python -m recipes.rehearse` (what the launcher starts) tells it that two
CPU processes are its devices and gloo their backend. Nothing else of the run is changed.
"""

import importlib.util
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tabulate import tabulate

from build.core.errors import RunError

ROOT = Path(__file__).resolve().parent.parent
RECIPES = Path(__file__).resolve().parent
FOLDERS = {
    "qwen2": "qwen2.5-coder-7b",
    "llama": "llama-3.1-8b",
    "deepseek_v2": "deepseek-coder-v2-lite",
    "gemma2": "gemma-2-27b",
}
LAUNCHERS = {
    "FSDP2": ("fsdp2",),
    "FSDP2-sharded": ("fsdp2", "--fsdp_state_dict_type", "SHARDED_STATE_DICT"),  # each process writes its own part
    "ZeRO-3": ("zero3",),
}
STEPS, SAVE_AT = 4, 2
WEIGHTS, LOSS = 1e-6, 1e-4  # largest difference of a weight, and of the held-out loss


@dataclass(slots=True)
class Rehearsal:
    """One architecture under one launcher: what was seen, by column of the table; an error ends it."""

    architecture: str
    launcher: str
    kind: str
    seen: dict[str, str] = field(default_factory=dict)
    error: str = ""


def rehearse(
    out: Path, architectures: Iterable[str], launchers: Iterable[str], kinds: Iterable[str], tell: Callable[[str], None]
) -> list[Rehearsal]:
    """Rehearse every combination into `out`, and print the table. Raises `RunError` when one of them does not hold."""
    if out.exists():
        raise RunError(f"--out: {out} exists; choose a new folder or delete it")
    data = write_rows(out.resolve() / "data")
    done = []
    for architecture in architectures:
        for launcher in launchers:
            for kind in kinds:
                one = Rehearsal(architecture, launcher, kind)
                begun = time.monotonic()
                try:
                    _rehearse_one(one, out.resolve() / f"{architecture}-{launcher}-{kind}", data)
                except RunError as error:
                    one.error = str(error)
                one.seen["seconds"] = f"{time.monotonic() - begun:.0f}"
                done.append(one)
                tell(f"{architecture}, {launcher}, {kind}: {one.error or 'holds'} ({one.seen['seconds']} s)")
    tell(table(done))
    failed = [one for one in done if one.error]
    if failed:
        raise RunError(f"{len(failed)} of {len(done)} rehearsals do not hold")
    return done


def table(done: Sequence[Rehearsal]) -> str:
    """The rehearsals as a table, one a row."""
    columns = ("train", "killed in a save", "resumed", "same weights", "merged", "held-out loss", "seconds")
    rows = [
        (one.architecture, one.launcher, one.kind, *(one.seen.get(c, "") for c in columns), one.error or "yes")
        for one in done
    ]
    return tabulate(rows, ("model", "launcher", "kind", *columns, "holds"), "github", disable_numparse=True)


def _rehearse_one(one: Rehearsal, work: Path, data: Path) -> None:
    from recipes.tiny_model import tiny_model

    model = tiny_model(one.architecture, work / "model")
    command = _launch_command(one, model, data, work / "prepared")
    whole, killed = work / "whole", work / "killed"
    _finished(_started([*command, "--output_dir", str(whole)], work / "whole.log"), work / "whole.log")
    one.seen["train"] = f"{STEPS} steps"
    process = _started([*command, "--output_dir", str(killed)], work / "killed.log")
    held = _kill_in_save(process, killed / f"checkpoint-{2 * SAVE_AT}")
    one.seen["killed in a save"] = f"with {held} files"
    _finished(_started([*command, "--output_dir", str(killed)], work / "resumed.log"), work / "resumed.log")
    said = (work / "resumed.log").read_text(encoding="utf-8")
    if f"going on from checkpoint-{SAVE_AT}" not in said:
        raise RunError(f"the second launch did not go on from checkpoint-{SAVE_AT}; see {work / 'resumed.log'}")
    one.seen["resumed"] = f"from step {SAVE_AT}"
    apart = weights_apart(whole, killed)
    one.seen["same weights"] = f"{apart:.0e} apart" if apart else "to the bit"
    if apart > WEIGHTS:
        raise RunError(f"the weights are {apart:.1e} apart after a kill")
    final = killed / "merged" if one.kind == "lora" else killed
    if not (final / "config.json").is_file():
        raise RunError(f"{final} holds no model")
    one.seen["merged"] = "yes" if one.kind == "lora" else "no adapter"
    _evaluate(one, final, killed, work / "prepared")


def _evaluate(one: Rehearsal, final: Path, run: Path, prepared: Path) -> None:
    log = json.loads((run / "trainer_state.json").read_text(encoding="utf-8"))["log_history"]
    logged = [entry[key] for entry in log for key in entry if key.startswith("eval_") and key.endswith("_loss")]
    measured = held_out_loss(final, prepared)
    one.seen["held-out loss"] = f"{measured:.4f}, logged {logged[-1]:.4f}"
    if abs(measured - logged[-1]) > LOSS * logged[-1]:
        raise RunError(f"the saved model has a held-out loss of {measured:.5f} and the run has logged {logged[-1]:.5f}")


def _launch_command(one: Rehearsal, model: Path, data: Path, prepared: Path) -> list[str]:
    stem = "stage1_codeio" + ("_lora" if one.kind == "lora" else "")
    changed = {
        "model_name_or_path": model,
        "dtype": "float32",
        "bf16": "false",
        "attn_implementation": "eager" if one.architecture == "gemma2" else "sdpa",
        "max_steps": STEPS,
        "save_steps": SAVE_AT,
        "eval_steps": STEPS,
        "logging_steps": 1,
        "global_batch_size": 4,
        "per_device_train_batch_size": 1,
        "dataset_num_proc": 1,
        "learning_rate": "1.0e-3",
        "max_length": 512,
        "prepared_dir": prepared,
        "datasets": json.dumps({"path": str(data), "test_split": "test"}),
    }
    command = [sys.executable, "-m", "accelerate.commands.launch"]
    accelerate, *options = LAUNCHERS[one.launcher]
    command += ["--config_file", str(RECIPES / "accelerate" / f"{accelerate}.yaml"), *options]
    command += ["--num_processes", "2", "--mixed_precision", "no", "--main_process_port", "0", "-m", "recipes.rehearse"]
    command += ["--config", str(RECIPES / FOLDERS[one.architecture] / f"{stem}.yaml")]
    return command + [part for key, value in changed.items() for part in (f"--{key}", str(value))]


def _started(command: Sequence[str], log: Path) -> "subprocess.Popen[bytes]":
    environment = {
        **os.environ,
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "OMP_NUM_THREADS": "1",
        "DS_ACCELERATOR": "cpu",
        "PYTHONWARNINGS": "ignore",
    }
    with log.open("wb") as stream:
        return subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=stream, stderr=subprocess.STDOUT, start_new_session=True
        )


def _finished(process: "subprocess.Popen[bytes]", log: Path, seconds: float = 600) -> None:
    try:
        code = process.wait(seconds)
    except subprocess.TimeoutExpired:
        kill_tree(process)
        raise RunError(f"the run did not end within {seconds:.0f} s; its last words are in {log}") from None
    if code:
        raise RunError(f"the run ended with {code}; its last words are in {log}")


def _kill_in_save(process: "subprocess.Popen[bytes]", checkpoint: Path) -> int:
    """Kill the run while `checkpoint` is being written; returns the number of files that it has by then."""
    from recipes.checkpoints import WHOLE

    deadline = time.monotonic() + 600
    while process.poll() is None and time.monotonic() < deadline:
        if checkpoint.is_dir():
            files = [path for path in checkpoint.rglob("*") if path.is_file()]
            if files and not (checkpoint / WHOLE).exists():
                kill_tree(process)
                if (checkpoint / WHOLE).exists():
                    raise RunError("the checkpoint was whole before the kill came; rehearse again")
                return len(files)
        time.sleep(0.001)
    kill_tree(process)
    raise RunError(f"the run ended before it could be killed while {checkpoint.name} was written")


def kill_tree(process: "subprocess.Popen[bytes]") -> None:
    """SIGKILL a process and all that it has started; launchers put their workers into sessions of their own."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue  # it has ended
            parents.setdefault(parent, []).append(int(entry.name))
    doomed, todo = [], [process.pid]
    while todo:
        doomed.append(todo.pop())
        todo += parents.get(doomed[-1], [])
    for pid in doomed:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    process.wait()


def weights_apart(one: Path, other: Path) -> float:
    """The largest difference between two saved models or adapters; raises `RunError` when their tensors differ in name."""
    from safetensors.torch import load_file

    names = sorted(path.name for path in one.glob("*.safetensors"))
    if not names or names != sorted(path.name for path in other.glob("*.safetensors")):
        raise RunError(f"{one} and {other} do not hold the same files of weights")
    largest = 0.0
    for name in names:
        first, second = load_file(one / name), load_file(other / name)
        if not first or first.keys() != second.keys():
            raise RunError(f"{name} does not hold the same tensors in {one} and {other}")
        for key, value in first.items():
            largest = max(largest, float((value.float() - second[key].float()).abs().max()))
    return largest


def held_out_loss(folder: Path, prepared: Path) -> float:
    """Mean loss a supervised token of a saved model on the held-out set in `prepared`, in nats, with plain transformers."""
    import torch
    from datasets import load_from_disk
    from transformers import AutoModelForCausalLM

    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    (rows_folder,) = prepared.glob("*/held_out/*")
    total, count = 0.0, 0
    for row in load_from_disk(str(rows_folder)):
        labels = torch.tensor([row["labels"]])
        with torch.no_grad():
            loss = model(input_ids=torch.tensor([row["input_ids"]]), labels=labels).loss
        total += float(loss) * int((labels[:, 1:] != -100).sum())
        count += int((labels[:, 1:] != -100).sum())
    return total / count


def write_rows(folder: Path, count: int = 64, sums: int = 1) -> Path:
    """A dataset folder of sums, with a train and a test split; each row holds `sums` of them."""
    folder.mkdir(parents=True)
    rng = random.Random(0)
    for split, size in (("train", count), ("test", 8)):
        with (folder / f"{split}.jsonl").open("w", encoding="utf-8") as stream:
            for _ in range(size):
                pairs = [(rng.randrange(90), rng.randrange(90)) for _ in range(sums)]
                questions = " ".join(f"What is the sum of {a} and {b}?" for a, b in pairs)
                answers = " ".join(f"{a} and {b} make {a + b}." for a, b in pairs)
                turns = [
                    {"role": "user", "content": f"{questions} Answer as JSON."},
                    {"role": "assistant", "content": f'{answers}\n\n{{"output": {sum(pairs[-1])}}}'},
                ]
                stream.write(json.dumps({"messages": turns}) + "\n")
    return folder


def killed_at_random(out: Path, kills: int, seed: int, tell: Callable[[str], None]) -> None:
    """Kill a small run `kills` times at moments drawn at random, saves included, launching it again each time.

    The run that survives them all must end in the weights of one that was never killed, to the bit. Moments are drawn over
    the time between the first step and the end, so many of them fall into the writing of a checkpoint. Raises `RunError`.
    """
    from recipes.tiny_model import tiny_model

    if out.exists():
        raise RunError(f"--out: {out} exists; choose a new folder or delete it")
    out = out.resolve()
    data, rng = write_rows(out / "data"), random.Random(seed)
    one = Rehearsal("qwen2", "FSDP2", "full")
    options = _launch_command(one, tiny_model("qwen2", out / "model"), data, out / "prepared")
    command = [sys.executable, "-m", "recipes.sft", *options[options.index("--config") :]]
    command += ["--use_cpu", "true", "--max_steps", "60", "--save_steps", "1", "--eval_strategy", "no"]
    whole, killed = out / "whole", out / "killed"
    _finished(_started([*command, "--output_dir", str(whole)], out / "whole.log"), out / "whole.log")
    rows, saving = [], 0
    for number in range(kills):
        begun = time.monotonic()
        log = out / f"killed-{number}.log"
        process = _started([*command, "--output_dir", str(killed)], log)
        wait = rng.uniform(0, 1.5)
        while process.poll() is None and not _has_trained(killed, log):
            time.sleep(0.002)
        moment = time.monotonic() + wait
        while process.poll() is None and time.monotonic() < moment:
            time.sleep(0.0005)
        ended = process.poll() is not None
        kill_tree(process)
        newest, half = _state_of(killed)
        saving += half
        rows.append(
            (number + 1, f"{time.monotonic() - begun:.2f}", newest, "yes" if half else "", "yes" if ended else "")
        )
        if ended:
            if process.returncode > 0:
                raise RunError(f"launch {number + 1} ended with {process.returncode}; see {log}")
            shutil.rmtree(killed)  # it was finished before the kill: from the beginning again
    _finished(_started([*command, "--output_dir", str(killed)], out / "last.log"), out / "last.log")
    tell(tabulate(rows, ("kill", "seconds", "newest whole step", "half written", "had ended"), "github"))
    apart = weights_apart(whole, killed)
    tell(f"{kills} kills, {saving} of them with a checkpoint half written; weights {apart:.0e} apart")
    if apart:
        raise RunError(f"the weights are {apart:.1e} apart after {kills} kills")


def _has_trained(folder: Path, log: Path) -> bool:
    """Whether a launch has begun its steps: it prints its first log entry."""
    return "'loss':" in log.read_text(encoding="utf-8", errors="replace")


def _state_of(folder: Path) -> tuple[int, bool]:
    """The newest whole step, and whether a newer checkpoint is half written."""
    from recipes.checkpoints import checkpoint_folders, fault_of, step_of

    folders = checkpoint_folders(folder)
    whole = next((step_of(path) for path in folders if not fault_of(path)), 0)
    return whole, bool(folders) and step_of(folders[0]) > whole


def deepspeed_is_installed() -> bool:
    """Whether ZeRO-3 can be rehearsed here."""
    return importlib.util.find_spec("deepspeed") is not None


def _train_on_cpu_processes() -> None:
    """What the launcher starts: `recipes.sft` with two CPU processes as accelerate's devices."""
    os.environ["ACCELERATE_TORCH_DEVICE"] = "cpu"
    from accelerate.state import PartialState
    from accelerate.utils import DistributedType

    def prepare_backend(*args: Any, **kwargs: Any) -> tuple[str, DistributedType]:
        return "gloo", DistributedType.MULTI_GPU

    shim: Any = PartialState
    shim._prepare_backend = prepare_backend
    from recipes import sft

    sft.main()


if __name__ == "__main__":
    _train_on_cpu_processes()
