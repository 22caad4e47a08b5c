#!/usr/bin/env bash
# Train slim and the decoder of full further on a graphics card, within ten minutes.
# Usage: bench/gpu_train.sh DATA OUT
# DATA holds content*.tar (photographs) and style*.tar (paintings); OUT gets slim.safetensors, full.safetensors.
set -euo pipefail
[ $# -eq 2 ] || { echo "usage: $0 DATA OUT" >&2; exit 2; }
data=$(realpath "$1")
out=$(realpath -m "$2")
cd "$(dirname "$0")/.."
python=.venv/bin/python
[ -x "$python" ] || python=python3
exec "$python" -m bench.gpu.train_adain "$data" --out "$out" --seconds 540
