#!/usr/bin/env bash
# The CPU features that NPY_DISABLE_CPU_FEATURES takes have other names since
# numpy 2.4 (X86_V4 for AVX512F … AVX512_SKX).  The old names are ignored: the
# one warning is an ImportWarning, which Python hides.  A job script that made
# AVX-512 nodes compute like AVX2 nodes up to 2.3 no longer does.
#
# On a processor with AVX-512, exp2 of 1,000 float32 numbers.  Seen:
#
#   numpy 2.3.5, AVX512F ... off: other bits than with all features
#   numpy 2.4.6, AVX512F ... off: the same bits, nothing on stderr
#   numpy 2.4.6, X86_V4 ... off: other bits than with all features
#
# Exits 0 if that is seen, 1 if something else is, 77 where the processor has
# no AVX-512.
set -euo pipefail
grep -q avx512bw /proc/cpuinfo || { echo 'no AVX-512 here'; exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for version in 2.3.5 2.4.6; do
    python3 -m venv "$folder/$version"
    "$folder/$version/bin/pip" -q install --disable-pip-version-check \
        numpy==$version
done

# Digest of what a numpy computes with some features off.
computed() {
    NPY_DISABLE_CPU_FEATURES=$2 "$folder/$1/bin/python" -c '
import hashlib
import numpy as np
x = np.random.default_rng(7).standard_normal(1000, dtype="f4")
print(hashlib.sha256(np.exp2(x).tobytes()).hexdigest())' 2> "$folder/said"
}
old='AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL'
new='X86_V4 AVX512_ICL'
failed=0
check() {
    verdict=$([ "$2" = "$3" ] && echo same || echo other)
    echo "$1: $verdict bits (expected: $4)"
    [ "$verdict" = "$4" ] || failed=1
}
before=$(computed 2.3.5 '')
check 'numpy 2.3.5, old names' "$(computed 2.3.5 "$old")" "$before" other
before=$(computed 2.4.6 '')
without=$(computed 2.4.6 "$old")
check 'numpy 2.4.6, old names' "$without" "$before" same
if [ -s "$folder/said" ]; then cat "$folder/said"; failed=1; fi
check 'numpy 2.4.6, new names' "$(computed 2.4.6 "$new")" "$before" other
exit $failed
