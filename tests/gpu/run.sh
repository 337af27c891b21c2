#!/bin/sh
# What continuous integration cannot see: one GPU, under eight minutes; a table, and an exit code that is not 0 where a check fails.
# Whether several GPUs give what one gives is looked at where there are several.
#   tests/gpu/run.sh              on the first GPU
#   tests/gpu/run.sh --pretend    on a CPU, with small sizes: everything but speed
#   tests/gpu/run.sh --only equal-embeddings,loss
cd "$(dirname "$0")/../.." || exit 1
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}" MIRBENCH_QUIET=1 CUBLAS_WORKSPACE_CONFIG="${CUBLAS_WORKSPACE_CONFIG:-:4096:8}"
export PYTHONPATH="tests/gpu:tests/benchmarks:tests/helpers${PYTHONPATH:+:$PYTHONPATH}"
exec "${PYTHON:-python}" tests/gpu/check.py "$@"
