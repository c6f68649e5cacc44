"""Root attributes of a log: what it says of its run as a whole."""

from datetime import datetime
from importlib import metadata
from uuid import uuid4

import h5py
import numpy as np

from aspis_mpi.runlog import schema


def describe(attrs, job, seed, parameters, mpi, hosts, hosts_from, clock,
             stretch, checkpoints):
    """Write down the job and its surroundings; see `RunLog`."""
    now = datetime.now().astimezone()
    attrs.update({'version': schema.VERSION, 'config': job,
                  'package': _package(), 'mpi': mpi,
                  'hosts_from': hosts_from,
                  schema.LAST_CHECKPOINT: stretch.checkpoint})
    if checkpoints:
        attrs[schema.CHECKPOINTS_IN] = checkpoints
    # Some tools cannot list attributes of which one is empty.
    if hosts:
        attrs['hosts'] = np.array(hosts, dtype=h5py.string_dtype())
    if not stretch.goes_on:
        attrs.update({
            'format': schema.FORMAT, 'seed': schema.seed(seed),
            'parameters': parameters, 'clock': clock,
            'identity': uuid4().hex,
            'created': now.isoformat(timespec='seconds')})
    if stretch.continues:
        attrs['continues'] = stretch.continues
        attrs['continues_identity'] = stretch.identity
        attrs['first_step'] = min(
            stretch.step, attrs.get('first_step', stretch.step))


def tell(attrs, inputs, without, placement):
    """Write down what the job names, and who had another one at any time.

    Also the placement of workers by their hosts, and each later one that
    the run had going on.
    """
    if inputs:
        attrs['inputs'] = inputs
    without = sorted({*attrs.get('without_work', ()), *without})
    if without:
        attrs['without_work'] = np.array(without, dtype='i4')
    if placement is not None:
        told = [*attrs.get('placement', ()), np.array(placement, dtype='i2')]
        if len(told) == 1 or (told[-1] != told[-2]).any():
            attrs['placement'] = np.array(told)


def _package():
    try:
        return f'aspis-mpi {metadata.version("aspis-mpi")}'
    except metadata.PackageNotFoundError:
        return 'aspis-mpi (not installed)'
