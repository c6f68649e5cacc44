#!/usr/bin/env bash
# scipy's csgraph finds no component in a connected graph with wide indices.
#
# csr_array keeps the indices that it is given, and those of numpy.nonzero
# have 64 bits.  csgraph computes with 32 and converts since 1.15.  Python
# 3.11, the complete graph of four vertices; seen:
#
#     1.11.1 connected_components 0    maximum_bipartite_matching ValueError
#     1.14.1 connected_components 1    maximum_bipartite_matching ValueError
#     1.15.0 connected_components 1    maximum_bipartite_matching [0 1 2 3]
#
# 0 is an answer, no exception: the error ("Buffer dtype mismatch") is only
# printed, as "Exception ignored".  With 32-bit indices all three are right.
# Ends with 1 if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf -- "$folder"' EXIT
cat > "$folder/graph.py" <<'PY'
import numpy as np
import scipy
from scipy.sparse import csr_array
from scipy.sparse.csgraph import (
    connected_components, maximum_bipartite_matching)

def answers(kind):
    rows, columns = (i.astype(kind) for i in np.nonzero(np.ones((4, 4))))
    graph = csr_array((np.ones(16, np.int8), (rows, columns)), shape=(4, 4))
    yield connected_components(graph, directed=False, return_labels=False)
    try:
        yield str(maximum_bipartite_matching(graph, perm_type='column'))
    except ValueError as error:
        yield type(error).__name__

print(scipy.__version__, *answers(np.int64), '|', *answers(np.int32))
PY
for pair in '1.11.1 1.26.4' '1.14.1 2.0.2' '1.15.0 2.0.2'; do
    read -r scipy numpy <<< "$pair"
    python3 -m venv --clear "$folder/env"
    "$folder/env/bin/python" -m pip install -qq "scipy==$scipy" \
        "numpy==$numpy" 2> /dev/null
    "$folder/env/bin/python" "$folder/graph.py" 2> /dev/null
done | tee "$folder/said"
diff "$folder/said" - <<'SEEN'
1.11.1 0 ValueError | 1 [0 1 2 3]
1.14.1 1 ValueError | 1 [0 1 2 3]
1.15.0 1 [0 1 2 3] | 1 [0 1 2 3]
SEEN
