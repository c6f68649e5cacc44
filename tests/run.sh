#!/usr/bin/env bash
# All tests, or some; paths are seen from the root of the repository:
#
#     bash tests/run.sh [options and paths of pytest, e.g. tests/unit -x]
#
# Outside of these, in an environment of their own (.venv-lowest, ...):
#
#     bash tests/run.sh --lowest    with exactly the lower bounds of setup.cfg
#     bash tests/run.sh --newest    with the newest releases, on the newest
#                                   Python of this machine
#     bash tests/run.sh --intel     under Intel MPI
#
# Options and paths may follow, too.  Without, --lowest and --newest run the
# tests in `versions`: a lower bound in setup.cfg is one that has passed them.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
versions=(tests/test_layers.py tests/unit
          tests/mpi/test_mpirun_everything.py)
intel=(tests/mpi/test_mpirun_{signals,exit_codes,killed}.py)

source jobs/environment.sh
case ${1:-} in
    --lowest | --newest)
        aspis_enter_other "${1#--}"
        shift
        [ "$#" -gt 0 ] || set -- "${versions[@]}"
        export ASPIS_EVERYTHING=1 ASPIS_MPICH=/dev/null ;;
    --intel)
        aspis_add_tests
        aspis_add_impi
        shift
        [ "$#" -gt 0 ] || set -- "${intel[@]}" ;;
    *)
        aspis_add_tests ;;
esac
exec python -m pytest "$@"
