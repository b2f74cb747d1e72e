#!/usr/bin/env bash
# A teacher on one node: one OpenAI-compatible endpoint over all of its GPUs (requirements/vllm.txt, an environment of its own).
#
#   recipes/serve/node.sh MODEL [GPUS_PER_REPLICA] [PORT]
#
# GPUS_PER_REPLICA: how many GPUs hold one copy of the weights (default: all); 8 GPUs with 2 a replica serve four copies.
set -euo pipefail
model=${1:?usage: recipes/serve/node.sh MODEL [GPUS_PER_REPLICA] [PORT]}
gpus=$(nvidia-smi --list-gpus | wc -l)
replica=${2:-$gpus}
exec vllm serve "$model" --enable-prefix-caching --host 0.0.0.0 --port "${3:-8000}" \
  --tensor-parallel-size "$replica" --data-parallel-size $((gpus / replica))
