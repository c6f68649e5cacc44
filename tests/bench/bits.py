"""Which results change their bits with which switch, on this processor.

    python tests/bench/bits.py

Each line: an environment variable that stands in for another machine, and
what has other bits with it than without.  One thread, unless the line says
otherwise; operations of torch and BLAS on float32.
"""

import os
import pickle
import subprocess
import sys
from hashlib import blake2b

#: Variables that a process of its own is started with.
SWITCHES = (
    {'OPENBLAS_CORETYPE': 'Haswell'},
    {'OPENBLAS_CORETYPE': 'Sandybridge'},
    {'NPY_DISABLE_CPU_FEATURES': 'X86_V4 AVX512_ICL AVX512_SPR'},
    {'NPY_DISABLE_CPU_FEATURES': 'AVX512F AVX512CD AVX512_SKX AVX512_CLX '
     'AVX512_CNL AVX512_ICL'},
    {'ATEN_CPU_CAPABILITY': 'avx2'},
    {'ONEDNN_MAX_CPU_ISA': 'AVX2'},
    {'MKL_CBWR': 'AVX2'},
    {'ATEN_CPU_CAPABILITY': 'avx2', 'ONEDNN_MAX_CPU_ISA': 'AVX2',
     'MKL_CBWR': 'AVX2'},
    {'OMP_NUM_THREADS': '2'})
ROWS = range(1, 65)
UNARY = ('exp', 'exp2', 'expm1', 'log', 'log1p', 'tanh', 'sin', 'cos', 'cbrt',
         'arctan')


def numpy_results():
    """Name and array, one after the other."""
    import numpy as np
    rng = np.random.default_rng(7)
    matrix = rng.standard_normal((64, 100)).astype('f4')
    for n in ROWS:
        rows = matrix[:n]
        yield 'vector × (n, 100)', n, rng.standard_normal(n).astype(
            'f4') @ rows
        yield '(n, 100) × vector', n, rows @ rng.standard_normal(
            100).astype('f4')
        yield '(n, 100) × (100, 64)', n, rows @ rng.standard_normal(
            (100, 64)).astype('f4')
    for kind in 'f4', 'f8':
        x = np.abs(rng.standard_normal(10_000)).astype(kind)
        for name in UNARY:
            yield f'numpy {kind}', name, getattr(np, name)(x)
        yield f'numpy {kind}', 'power', x ** x.dtype.type(1.7)
        yield f'numpy {kind}', 'sum', x.sum()


def torch_results():
    """The same; nothing where torch is not installed."""
    try:
        import torch
    except ImportError:
        return
    from torch import nn
    torch.manual_seed(7)
    x, labels = torch.randn(64, 256), torch.arange(64) % 10
    image = torch.randn(8, 16, 12, 12)
    modules = {
        'Linear': (nn.Linear(256, 64), x), 'GELU': (nn.GELU(), x),
        'softmax': (nn.Softmax(1), x), 'tanh': (nn.Tanh(), x),
        'LayerNorm': (nn.LayerNorm(256), x),
        'Conv2d': (nn.Conv2d(16, 32, 3), image),
        'GroupNorm': (nn.GroupNorm(4, 16), image)}
    for name, (module, given) in modules.items():
        given = given.clone().requires_grad_()
        out = module(given)
        (out * out.detach().cos()).sum().backward()
        yield 'torch', name, out.detach().numpy()
        yield 'torch', f'{name}, input gradient', given.grad.numpy()
        for key, weight in module.named_parameters():
            yield 'torch', f'{name}, gradient of {key}', weight.grad.numpy()
    yield 'torch', 'cross-entropy', nn.functional.cross_entropy(
        x[:, :10], labels).numpy()
    for name in 'exp', 'erf', 'log', 'sigmoid', 'rsqrt':
        yield 'torch', name, getattr(torch, name)(x.abs()).numpy()


def results():
    """Digest of every result of this process, by kind and name."""
    import numpy as np
    return {(kind, name): blake2b(np.ascontiguousarray(value)).digest()
            for make in (numpy_results, torch_results)
            for kind, name, value in make()}


def asked(switches):
    """The results of a process that was started with some variables."""
    # A file of its own: libraries read the environment when they are loaded.
    done = subprocess.run(
        [sys.executable, __file__, '--own'], check=True, capture_output=True,
        env=os.environ | {'OMP_NUM_THREADS': '1'} | switches)
    return pickle.loads(done.stdout)


def told(names):
    """Names of one kind; numbers with their runs drawn together."""
    if not all(isinstance(name, int) for name in names):
        return ', '.join(map(str, names))
    runs = []
    for name in names:
        if runs and name == runs[-1][1] + 1:
            runs[-1][1] = name
            continue
        runs.append([name, name])
    return ', '.join(f'{a}' if a == b else f'{a}–{b}' for a, b in runs)


def main():
    usual = asked({})
    for switches in SWITCHES:
        print(*(f'{name}={value!r}' for name, value in switches.items()))
        found, kinds = asked(switches), {}
        for (kind, name), digest in found.items():
            if usual[kind, name] != digest:
                kinds.setdefault(kind, []).append(name)
        for kind, names in kinds.items():
            print(f'    {kind}: {told(names)}')
        if not kinds:
            print('    nothing')


if __name__ == '__main__':
    if sys.argv[1:] == ['--own']:
        sys.stdout.buffer.write(pickle.dumps(results()))
    else:
        main()
