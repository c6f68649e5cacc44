#!/usr/bin/env bash
# The main job on this machine, from nothing to pictures and a report:
#
#     bash jobs/quickstart.sh [options of `run`, e.g. --set run.steps=20]
#
# jobs/environment.sh tells which variables choose the Python and torch.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
source jobs/environment.sh

# Rank 0 is the parameter server, ranks 1 to 15 are the workers.
name=runs/quickstart-$(date +%Y%m%d-%H%M%S)
line=(mpirun --oversubscribe -n 16
      python -m aspis_mpi run jobs/quickstart.toml
      --out "$name.h5" --set "run.model_out=$name.npz" "$@")
mkdir -p runs
printf '%q ' "${line[@]}"
printf '\n'
"${line[@]}"

# `--check` leaves no log.
[ -e "$name.h5" ] || exit 0
python analysis/accuracy.py "$name.h5"
python analysis/detection.py "$name.h5"
# Where what it needs cannot be installed, the rest is there nevertheless.
if aspis_add_report; then
    python -m aspis_mpi report "$name.h5"
fi
printf '\nLog, pictures, model and report (for the browser), in %s:\n' "$PWD"
printf '  %s\n' "$name"*
