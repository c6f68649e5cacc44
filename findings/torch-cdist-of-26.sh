#!/usr/bin/env bash
# Distances between 26 rows may be wrong where those between 25 are right.
#
# torch.cdist multiplies matrices once there are more than 25 rows, that is,
# it takes |x|^2 + |y|^2 - 2<x, y> in float32, which cancels where rows share
# much more than they differ by.  Aggregators that rank rows by it choose
# others for one row more: Krum of the library krum 0.9.1, torch 2.13.0 on a
# processor.  All rows share 1 and differ by noise of 1e-6; two liars, the
# first, are off by thirty times that.  Seen:
#
#   25 rows: distances right to 1e-3; Krum takes an honest row
#   26 rows: a distance is 0 in the place of 4e-5; Krum takes a liar
#
# compute_mode='donot_use_mm_for_euclid_dist' is right for both.  Exits 0 if
# that is seen, 1 if something else is.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" -q install --disable-pip-version-check \
    torch==2.13.0 numpy
# It asks for Python 3.12, which its rules do not need.
"$folder/venv/bin/pip" -q install --disable-pip-version-check --no-deps \
    --ignore-requires-python krum==0.9.1

cat > "$folder/rows.py" <<'PY'
import sys

import torch
from krum.primitives.aggregators.krum import Krum


def look(n):
    rows = 1 + 1e-6 * torch.randn(
        n, 1000, generator=torch.Generator().manual_seed(1))
    rows[:2] += 3e-5
    exact = torch.cdist(rows.double(), rows.double())[-2, -1].item()
    fast = torch.cdist(rows, rows)[-2, -1].item()
    slow = torch.cdist(rows, rows, compute_mode=(
        'donot_use_mm_for_euclid_dist'))[-2, -1].item()
    taken = Krum.aggregate(list(rows), n=n, f=2)
    row = int((rows - taken).abs().sum(dim=1).argmin())
    print(f'{n} rows: distance {fast:.3g}, without products {slow:.3g}, in '
          f'float64 {exact:.3g}; Krum takes row {row}')
    return (abs(fast / exact - 1) < 1e-3, abs(slow / exact - 1) < 1e-3,
            row > 1)


seen = look(25), look(26)
sys.exit(seen != ((True, True, True), (False, True, False)))
PY
"$folder/venv/bin/python" "$folder/rows.py"
