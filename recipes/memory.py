"""The arithmetic of a run: memory of a GPU, disk of a checkpoint, floating-point operations, hours. All are estimates.

Memory of one GPU, in bytes, for P parameters, L layers, width h, vocabulary V, T tokens in a micro-batch, n GPUs:

    states       full: 16 P (fp32 weights 4, gradients 4, two Adam moments 8), divided by n when sharded
                 LoRA: 2 P in bf16 (divided by n when sharded) + 16 bytes a trainable parameter
    activations  2 L T h (bf16 inputs of each layer, the rest is recomputed) + 34 T h (the layer being recomputed,
                 Korthikanti et al., 2022, without attention scores)
    gathered     when sharded: two layers and the embeddings in bf16, 4 P / L + 4 V h
    logits       fused loss (TRL's, the default): a tile of 4096 tokens x 32768 words, 6 bytes each, and in full fine-tuning
                 the output matrix with its gradient, 8 V h, and 4 T h; without the fused loss 10 V T
    fixed        2 GiB for the CUDA context, communication buffers and fragmentation

Work: 6 N FLOPs a token for N active parameters (4 N for LoRA, which needs no weight gradients of the base), at 35 % of an
H100's 989 TFLOP/s in bf16. Recomputed activations and attention are part of what those 35 % leave out.

On a CPU (recipes with `use_cpu`), in float32 and with nothing recomputed: 72 L T h bytes of activations, 0.6 GiB for Python and
the libraries, and 50 GFLOP/s a core, as measured on cores with AVX2 (recipes/smollm2-135m/LOG.md).

Disk of a checkpoint: 12 bytes a trained parameter (fp32 weights and two Adam moments).
"""

from dataclasses import dataclass

from tabulate import tabulate

GPU_FLOPS = 989e12
PEAK_FLOPS = {
    "H100": 989e12,
    "H200": 989e12,
    "A100": 312e12,
    "L40S": 362e12,
}  # dense bf16, from the makers' data sheets
UTILISATION = 0.35
CPU_FLOPS = 50e9  # a core with AVX2, in float32, of the same 6 (4) N FLOPs a token: measured, see the module
GIB = 2**30


@dataclass(frozen=True, slots=True)
class Shape:
    """What the arithmetic needs of a model: parameters in all and active for a token, layers, width, vocabulary, and the
    sum of (inputs + outputs) over the matrices that LoRA adapts."""

    params: float
    active: float
    layers: int
    width: int
    vocabulary: int
    adapted: float
    lora_sharded: bool = False  # its LoRA recipes run under ZeRO-3: a copy on each GPU would leave no room

    def sharded(self, lora: bool) -> bool:
        """Whether the recipes of this model spread the weights over the GPUs."""
        return not lora or self.lora_sharded


# From the models' published configurations.
SHAPES = {
    "qwen2.5-coder-7b": Shape(7.62e9, 7.62e9, 28, 3584, 152_064, 28 * 90_112),
    "llama-3.1-8b": Shape(8.03e9, 8.03e9, 32, 4096, 128_256, 32 * 81_920),
    "deepseek-coder-v2-lite": Shape(15.7e9, 2.4e9, 27, 2048, 102_400, 862_464),
    "gemma-2-27b": Shape(27.2e9, 27.2e9, 46, 4608, 256_000, 46 * 155_136, lora_sharded=True),
}


# The Hub's names of the four base models.
BASE_MODELS = {
    "Qwen/Qwen2.5-Coder-7B": "qwen2.5-coder-7b",
    "meta-llama/Llama-3.1-8B": "llama-3.1-8b",
    "deepseek-ai/DeepSeek-Coder-V2-Lite-Base": "deepseek-coder-v2-lite",
    "google/gemma-2-27b": "gemma-2-27b",
}


def memory_gb(
    shape: Shape, gpus: int, tokens: int, *, lora_r: int | None = None, sharded: bool = True, fused: bool = True
) -> float:
    """GiB on one of `gpus` GPUs with micro-batches of `tokens` tokens; `lora_r` None means full fine-tuning."""
    share = gpus if sharded else 1
    if lora_r is None:
        states = 16 * shape.params / share
    else:
        states = 2 * shape.params / share + 16 * lora_r * shape.adapted
    activations = (2 * shape.layers + 34) * tokens * shape.width
    gathered = (4 * shape.params / shape.layers + 4 * shape.vocabulary * shape.width) if sharded and gpus > 1 else 0
    if fused:
        logits = 6 * min(tokens, 4096) * min(shape.vocabulary, 32768) + 4 * tokens * shape.width
        logits += 0 if lora_r else 8 * shape.vocabulary * shape.width
    else:
        logits = 10 * shape.vocabulary * tokens
    return (states + activations + gathered + logits) / GIB + 2


def checkpoint_gb(shape: Shape, lora_r: int | None = None) -> float:
    """GiB that one checkpoint takes on disk."""
    return 12 * (shape.params if lora_r is None else lora_r * shape.adapted) / GIB


def hours(shape: Shape, gpus: int, tokens: float, *, lora: bool = False) -> float:
    """Hours for `tokens` trained tokens on `gpus` H100s."""
    return (4 if lora else 6) * shape.active * tokens / (gpus * GPU_FLOPS * UTILISATION) / 3600


def cpu_memory_gb(shape: Shape, tokens: int, *, lora_r: int | None = None) -> float:
    """GiB of a process that trains on a CPU in float32, with micro-batches of `tokens` tokens and no recomputation."""
    states = 16 * shape.params if lora_r is None else 4 * shape.params + 16 * lora_r * shape.adapted
    return (states + 72 * shape.layers * tokens * shape.width) / GIB + 0.6


def cpu_hours(shape: Shape, cores: int, tokens: float, *, lora: bool = False) -> float:
    """Hours for `tokens` trained tokens on the cores of a CPU that does nothing else."""
    return (4 if lora else 6) * shape.active * tokens / (cores * CPU_FLOPS) / 3600


INSTANCES = 3_521_220  # of the paper
TOKENS_A_SAMPLE = {"stage 1, CODEI/O": 1000, "stage 1, CODEI/O++": 1400}  # assumed; `python -m recipes plan` measures
PACKED = 700 * 1024 * 4096 * 0.97  # stage 2: steps x rows x tokens a row, 97 % full


def readme_table() -> str:
    """The table of recipes/README.md: model, stage, kind, GPUs, GiB a GPU, tokens, hours."""
    rows = []
    for name, shape in SHAPES.items():
        micro = 2 if name == "gemma-2-27b" else 4
        for stage in (*TOKENS_A_SAMPLE, "stage 2"):
            tokens = INSTANCES * TOKENS_A_SAMPLE[stage] if stage in TOKENS_A_SAMPLE else PACKED
            for lora in (False, True):
                gpus = 16 if name == "gemma-2-27b" and not lora else 8
                rank = 64 if lora else None
                memory = memory_gb(shape, gpus, micro * 4096, lora_r=rank, sharded=shape.sharded(lora))
                spent = hours(shape, gpus, tokens, lora=lora)
                kind = "LoRA" if lora else "full"
                rows.append((name, stage, kind, gpus, f"{memory:.0f}", f"{tokens / 1e9:.1f}", f"{spent:.0f}"))
    return tabulate(
        rows, ("model", "stage", "kind", "GPUs", "GiB a GPU", "10^9 tokens", "hours"), "github", disable_numparse=True
    )
