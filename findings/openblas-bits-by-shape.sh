#!/usr/bin/env bash
# Two kernels of one OpenBLAS give equal bits for some shapes only, so
# machines that agree on one batch size need not agree on the next.
#
# numpy 2.4.6 (OpenBLAS 0.3.31) on a processor with AVX-512: its own kernels
# (SkylakeX) against those that an AVX2 machine has (Haswell), float32, one
# thread, the same data.  Seen, rows of which the product has equal bits:
#
#   vector (n) x matrix (n, 100):     1 4 49 52 53 56 57 60 61 64
#   matrix (n, 100) x vector (100):   2 to 64, but not 1
#   matrix (n, 100) x matrix (100, 64):   1 2 3
#
# Exits 0 if that is seen, 1 if something else is, 77 where the processor has
# no AVX-512.
set -euo pipefail
grep -q avx512bw /proc/cpuinfo || { echo 'no AVX-512 here'; exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" -q install --disable-pip-version-check numpy==2.4.6

cat > "$folder/products.py" <<'PY'
import pickle
import sys

import numpy as np

rng, found = np.random.default_rng(7), {}
matrix = rng.standard_normal((64, 100), dtype='f4')
for n in range(1, 65):
    rows = matrix[:n]
    found['vector x matrix', n] = (
        rng.standard_normal(n, dtype='f4') @ rows).tobytes()
    found['matrix x vector', n] = (
        rows @ rng.standard_normal(100, dtype='f4')).tobytes()
    found['matrix x matrix', n] = (
        rows @ rng.standard_normal((100, 64), dtype='f4')).tobytes()
pickle.dump(found, open(sys.argv[1], 'wb'))
PY
cat > "$folder/compare.py" <<'PY'
import pickle
import sys

one, other = (pickle.load(open(path, 'rb')) for path in sys.argv[1:])
seen = {}
for (what, n), bits in one.items():
    seen.setdefault(what, []).extend([n] * (bits == other[what, n]))
for what, rows in seen.items():
    print(f'{what}: equal bits for n =', *rows)
expected = {
    'vector x matrix': [1, 4, 49, 52, 53, 56, 57, 60, 61, 64],
    'matrix x vector': list(range(2, 65)), 'matrix x matrix': [1, 2, 3]}
sys.exit(seen != expected)
PY
export OMP_NUM_THREADS=1
for kernel in SkylakeX Haswell; do
    OPENBLAS_CORETYPE=$kernel "$folder/venv/bin/python" \
        "$folder/products.py" "$folder/$kernel"
done
"$folder/venv/bin/python" "$folder/compare.py" \
    "$folder/SkylakeX" "$folder/Haswell"
