#!/usr/bin/env bash
# Tests that are marked to run in one process run in several, and nothing
# says so.
#
# Versions: pytest 9.2.0, pytest-xdist 3.8.0, Python 3.11, Linux x86-64.
#
# `--dist loadgroup` keeps tests of one `xdist_group` in one process: whoever
# starts MPI jobs in tests relies on it, so that two jobs never share the
# cores.  With pytest 9.2 the group is not seen by the scheduler, and the eight
# tests of a group are spread over both processes; with pytest 8.4 they are
# not.  No warning.  A scheduler of one's own (pytest_xdist_make_scheduler)
# that looks at the names of tests works with both.
#
# Exits with 1 if it behaves otherwise.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cat > "$folder/test_group.py" <<'END'
import os
import time

import pytest


@pytest.mark.xdist_group('jobs')
@pytest.mark.parametrize('n', range(8))
def test_starts_a_job(n):
    time.sleep(0.1)
    with open('processes', 'a') as file:
        file.write(f'{os.getpid()}\n')
END

python3 -m venv "$folder/venv"
cd "$folder"
processes() {
    "$folder/venv/bin/pip" install --quiet pytest=="$1" pytest-xdist==3.8.0
    rm -f processes
    "$folder/venv/bin/python" -m pytest -q -n 2 --dist loadgroup \
        test_group.py > told
    sort -u processes | wc -l
}
before=$(processes 8.4.2)
after=$(processes 9.2.0)
echo "processes that ran one group: pytest 8.4.2: $before, 9.2.0: $after"
[ "$before" -eq 1 ] && [ "$after" -eq 2 ]
