"""The arithmetic of a run: memory of a GPU, floating-point operations, hours. Estimates, never measurements.

Memory of one GPU, in bytes, for P parameters, L layers, width h, vocabulary V, T tokens in a micro-batch, n GPUs:

    states       full: 16 P (fp32 weights 4, gradients 4, two Adam moments 8), divided by n when sharded
                 LoRA: 2 P in bf16 (divided by n when sharded) + 16 bytes a trainable parameter
    activations  2 L T h (bf16 inputs of each layer, the rest is recomputed) + 34 T h (the layer being recomputed,
                 Korthikanti et al., 2022, without attention scores)
    gathered     when sharded: two layers and the embeddings in bf16, 4 P / L + 4 V h
    fixed        2 GiB for the CUDA context, communication buffers and fragmentation

Work: 6 N FLOPs a token for N active parameters (4 N for LoRA, which needs no weight gradients of the base), at 35 % of an
H100's 989 TFLOP/s in bf16. Recomputed activations are part of what those 35 % leave out.
"""

from dataclasses import dataclass

from tabulate import tabulate

GPU_FLOPS = 989e12
UTILISATION = 0.35
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


def memory_gb(shape: Shape, gpus: int, tokens: int, *, lora_r: int | None = None, sharded: bool = True) -> float:
    """GiB on one of `gpus` GPUs with micro-batches of `tokens` tokens; `lora_r` None means full fine-tuning."""
    share = gpus if sharded else 1
    if lora_r is None:
        states = 16 * shape.params / share
    else:
        states = 2 * shape.params / share + 16 * lora_r * shape.adapted
    activations = (2 * shape.layers + 34) * tokens * shape.width
    gathered = (4 * shape.params / shape.layers + 4 * shape.vocabulary * shape.width) if sharded and gpus > 1 else 0
    return (states + activations + gathered) / GIB + 2


def hours(shape: Shape, gpus: int, tokens: float, *, lora: bool = False) -> float:
    """Hours for `tokens` trained tokens on `gpus` H100s."""
    return (4 if lora else 6) * shape.active * tokens / (gpus * GPU_FLOPS * UTILISATION) / 3600


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
