#!/usr/bin/env bash
# vLLM on a CPU with the small model, for real and without a GPU: `make vllm` and `make vllm-server` set it up and call this.
#
#   recipes/serve/cpu.sh vllm           the teacher `vllm`, in the pipeline's own process
#   recipes/serve/cpu.sh vllm-server    vLLM's server and the teacher `openai`, and what its prefix cache serves of either prompt order
set -euo pipefail
python=.venv-vllm/bin/python model=runs/models/smollm2-135m port=8765
export VLLM_CPU_KVCACHE_SPACE=1 VLLM_CPU_OMP_THREADS_BIND=nobind OMP_NUM_THREADS=2 # GiB; all cores
# Half of the memory is enough, and other programs may hold the rest. 32 x 2048 tokens a step: no prompt is read in two pieces,
# which vLLM cannot do on a CPU for a request that has a seed.
export HF_HUB_OFFLINE=1 VLLM_NO_USAGE_STATS=1

if [ "${1:-}" = vllm ]; then
  export CODEIO_VLLM_ARGS='{"dtype": "float32", "max_model_len": 2048, "enforce_eager": true, "max_num_seqs": 32, "gpu_memory_utilization": 0.5, "max_num_batched_tokens": 65536}'
  exec $python codeio_dataset.py --config recipes/data/local_vllm.yaml
fi

export VLLM_SERVER_DEV_MODE=1 # so that `prefixes` may empty its cache
# Not `vllm serve`: the CPU build is another distribution, and that command looks for the one called vllm.
$python -m vllm.entrypoints.openai.api_server --model $model --host 127.0.0.1 --port $port \
  --dtype float32 --max-model-len 2048 --max-num-seqs 32 --gpu-memory-utilization 0.5 --max-num-batched-tokens 65536 --enforce-eager --enable-prefix-caching \
  > runs/vllm_server.log 2>&1 &
server=$!
trap 'kill $server 2> /dev/null; wait $server || true' EXIT
echo "vLLM's server starts (a minute; its log: runs/vllm_server.log)"
until curl --silent --fail http://127.0.0.1:$port/health > /dev/null; do
  kill -0 $server || { echo "it ended: see the log" >&2; exit 1; }
  sleep 1
done
$python codeio_dataset.py --config recipes/data/local_vllm_server.yaml
$python -m build prefixes --run runs/local_vllm_server --tokenizer $model --endpoint http://127.0.0.1:$port/v1
