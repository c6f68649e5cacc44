"""Small sweeps on the exact problem, whose runs take milliseconds."""

import numpy as np

from aspis_mpi.sweep.reading import load

#: Two schemes against two attacks, with two seeds; one pair is left out.
SWEEP = '''
title = "Small"
[base]
run.steps = 4
run.evaluate_every = 2
problem.name = "quadratic"
problem.parameters = 12
scheme.workers = 5
scheme.adversaries = 1

[grid.scheme]
label = "Scheme"
aspis.scheme.name = "aspis"
plain = {label = "Plain", scheme.name = "uncoded"}

[grid.attack]
none = {}
reversed = {adversary.count = 1, adversary.value = "reversed"}

[grid.seed]
keys = ["run.seed"]
values = [1, 2]

[[without]]
scheme = "plain"
attack = ["reversed"]
seed = 2
'''
NAMES = ['aspis-none-1', 'aspis-none-2', 'aspis-reversed-1',
         'aspis-reversed-2', 'plain-none-1', 'plain-none-2',
         'plain-reversed-1']


def sweep_in(folder, text=SWEEP):
    """The sweep file `small.toml` of a folder, and the sweep beside it."""
    path = folder / 'small.toml'
    path.write_text(text)
    return path, load(path, folder / 'runs')


def parameters_of(run):
    """Bytes of the model of a run."""
    with np.load(run.model) as model:
        return b''.join(model[name].tobytes() for name in sorted(model.files))
