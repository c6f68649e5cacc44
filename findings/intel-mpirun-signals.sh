#!/usr/bin/env bash
# Intel MPI's mpirun ends on a signal and leaves its ranks running.
#
# PyPI's impi-rt 2021.18.1 with mpi4py 4.1.2, Python 3.11: `mpirun` is a shell
# script that starts mpiexec.hydra and waits.  A signal to it (from a batch
# system, from a test) ends the script alone; the ranks get nothing and go on.
# `mpiexec` is mpiexec.hydra itself and forwards.  Seen, for two ranks that
# end with 75 when they get the signal:
#
#     mpirun USR1: exit 138, 0 of 2 ranks got it, 2 still run
#     mpirun TERM: exit 143, 0 of 2 ranks got it, 2 still run
#     mpiexec USR1: exit 75, 2 of 2 ranks got it, 0 still run
#     mpiexec TERM: exit 75, 2 of 2 ranks got it, 0 still run
#
# Ends with 1 if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf -- "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -qq impi-rt==2021.18.1 \
    mpi4py==4.1.2 2> /dev/null
cat > "$folder/rank.py" <<'PY'
import os
import signal
import sys
import time
from pathlib import Path

from mpi4py import MPI

folder, got = Path(sys.argv[1]), []
for number in signal.SIGUSR1, signal.SIGTERM:
    signal.signal(number, lambda *_: got.append(True))
(folder / f'up-{os.getpid()}').touch()
end = time.monotonic() + 60
while not got and time.monotonic() < end and not (folder / 'over').exists():
    time.sleep(0.05)
(folder / f'{"got" if got else "none"}-{os.getpid()}').touch()
sys.exit(75 if got else 0)
PY
count() { find "$1" -name "$2-*" | wc -l; }
export PATH="$folder/env/bin:$PATH"
for launcher in mpirun mpiexec; do
    for signal in USR1 TERM; do
        run="$folder/$launcher-$signal"
        mkdir "$run"
        "$launcher" -n 2 python "$folder/rank.py" "$run" > /dev/null 2>&1 &
        for _ in {1..300}; do
            [ "$(count "$run" up)" -lt 2 ] || break
            sleep 0.1
        done
        kill "-$signal" $!
        code=0
        wait $! 2> /dev/null || code=$?
        sleep 1
        echo "$launcher $signal: exit $code, $(count "$run" got) of" \
            "$(count "$run" up) ranks got it," \
            "$((2 - $(count "$run" got))) still run"
        touch "$run/over"
        sleep 1
    done
done 2> /dev/null | tee "$folder/said"
diff "$folder/said" - <<'SEEN'
mpirun USR1: exit 138, 0 of 2 ranks got it, 2 still run
mpirun TERM: exit 143, 0 of 2 ranks got it, 2 still run
mpiexec USR1: exit 75, 2 of 2 ranks got it, 0 still run
mpiexec TERM: exit 75, 2 of 2 ranks got it, 0 still run
SEEN
