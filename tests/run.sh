#!/usr/bin/env bash
# All tests, by three processes, of which one starts ranks and one SLURM,
# which mostly waits:
#
#     bash tests/run.sh             some 12 minutes on two cores
#     bash tests/run.sh --quick     one minute: `quick` below
#
# Some, by one process; paths are seen from the root of the repository:
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

# What a contributor runs before a commit: one job under each MPI, layers and
# names, each module's tests but for those that take long, and both sides of
# the protocol.
quick=(tests/mpi/test_mpirun_begin.py tests/test_{layers,names}.py tests/unit
       --ignore-glob='tests/unit/test_*analysis.py'
       --ignore=tests/unit/test_{certified,compare,docs,follow_reading}.py
       --ignore=tests/unit/test_{guard,joined,log_versions,making,models}.py
       --ignore=tests/unit/test_{networks_repeat,pages,prepare,runlog}.py
       --ignore=tests/unit/test_{scripts,sweep_runs,trust}.py
       tests/protocol/test_{messages,server,worker,membership,truth}.py
       tests/protocol/test_{coded_server,coded_worker}.py)

# In the order of their folders: what starts ranks takes longest.
parallel=(--numprocesses=3 --dist=loadscope --no-loadscope-reorder)

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
    --quick)
        aspis_add_tests
        shift
        set -- "${parallel[@]}" "${quick[@]}" "$@" ;;
    *)
        aspis_add_tests
        [ "$#" -gt 0 ] || { whole=1; set -- "${parallel[@]}"; } ;;
esac

# Hundreds of processes import the package: none is to compile it, also where
# Python has been told to leave no bytecode.
python -m compileall -q aspis_mpi
[ "${whole:-}" ] || exec python -m pytest "$@"

# Of 14,000 tests one may starve where three processes share two cores with
# others: up to `few` that failed are run once more, alone, and decide.  The
# summary of the first run names them all the same.
few=5
last=.pytest_cache/v/cache/lastfailed
# What failed some other time, and may not be there any more.
rm -f "$last"
python -m pytest "$@" && exit
code=$?
failed=$(grep -c true "$last") || exit "$code"
[ "$code" -eq 1 ] && [ "$failed" -le "$few" ] || exit "$code"
echo "What failed ($failed) is run once more, alone, and decides."
exec python -m pytest --last-failed --last-failed-no-failures=none -v
