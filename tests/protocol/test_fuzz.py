"""Whatever a few peers send, training goes on as if they were not there."""

import os
import tracemalloc
import zlib
from collections import Counter
from functools import cache

import numpy as np
import pytest

from aspis_mpi.assembly.wiring import Assembly
from aspis_mpi.errors import BAD_JOB, DONE, FAILED, INTERRUPTED
from aspis_mpi.job import loading
from tests.support.arena import Arena
from tests.support.coded_jobs import SILENCE, distance
from tests.support.forgery import LIES, LOUD, QUIET
from tests.support.memory import once

THOROUGH = bool(os.environ.get('ASPIS_THOROUGH'))

#: Hostile messages to all jobs together, at least.
MESSAGES = 100_000 if THOROUGH else 20_000
STEPS = 20
#: How often each job is run, with other draws.
RUNS = 5 if THOROUGH else 1
#: How a run may end in which nobody can be believed; the last, on a signal.
EXIT_CODES = DONE, BAD_JOB, FAILED, INTERRUPTED
#: Bytes by which memory may grow in all steps after a warm-up: letters that
#: are kept, classes that are met late; the letters of two steps are more.
GROWTH = 45_000
#: Two of the workers send anything.
HOSTILE = 1, 5

#: Each file has more honest workers than there are liars.
SUBSET = {'scheme': {'workers': 7, 'adversaries': 2},
          'assignment': {'name': 'subset', 'replication': 5},
          'detection': {'memory': 'step'}}
ROBUST = {'scheme': {'name': 'robust-partial', 'workers': 9,
                     'adversaries': 2}, 'detection': {'memory': 'step'}}
PARTIAL = {'scheme': {'name': 'partial', 'workers': 9, 'adversaries': 2}}
CODED = {'name': 'coded', 'challenge': True}
INTEGER = {'compression': {'name': 'integer', 'keep': 0.7}}
#: Files of uneven sizes, in parts that follow speeds.
UNEVEN = {'problem': {'file_sizes': 'zipf', 'batch_size': 90,
                      'micro_batch': 2, 'summation': 'tree'},
          'assignment': {'split': True, 'adapt': 2}}


def changed(base, **sections):
    """A job some of whose sections have other keys."""
    return base | {section: base.get(section, {}) | keys
                   for section, keys in sections.items()}


#: Jobs that compare bits: the result is that of the run without liars.
EXACT = {
    'certified': SUBSET,
    'excluded for a while': changed(SUBSET, detection={
        'memory': 'window', 'window': 3}),
    'excluded for ever': changed(SUBSET, detection={
        'memory': 'forever', 'budget': 'fixed'}),
    'coverage': changed(SUBSET, collection={'name': 'coverage'}),
    'audits': changed(SUBSET, detection={
        'memory': 'step', 'random_audits': 1}),
    'clique': changed(SUBSET, scheme={'name': 'aspis'},
                      aggregation={'name': 'mean'}),
    'core': changed(SUBSET, detection={'name': 'core'},
                    aggregation={'name': 'mean'}),
    'speeds': changed(SUBSET, assignment={'adapt': 1}),
    'few coordinates': SUBSET | {'compression': {'keep': 0.5}},
    'integers': SUBSET | INTEGER,
    'integers, sums': ROBUST | INTEGER,
    'integers, coded': changed(ROBUST, transfer=CODED) | INTEGER,
}
#: Jobs that compare with a tolerance, or sketches.
TOLERANT = {
    'tolerance': changed(SUBSET, detection={'equality': 'tolerance'}),
    'robust': ROBUST,
    'robust, window': changed(ROBUST, detection={
        'memory': 'window', 'window': 3}),
    'robust, coded': changed(ROBUST, transfer=CODED),
    'robust, float32': changed(ROBUST, transfer={'sketch_type': 'float32'}),
    'robust, uneven': changed(ROBUST, **UNEVEN),
    'robust, in parts': changed(ROBUST, transfer=CODED,
                                collection={'copies': 2}),
    'robust, skip': changed(ROBUST, collection={'skip_covered': True}),
}
#: Jobs that trust every value: these are right.
TRUSTING = {
    'partial': PARTIAL,
    'sums': changed(PARTIAL, transfer={'name': 'sums'}),
    'skip': changed(PARTIAL, collection={'skip_covered': True}),
    'thinning': changed(PARTIAL, collection={'thinning': True}),
    'gradient-code': changed(PARTIAL, scheme={'name': 'gradient-code'}),
    'cyclic-mds': changed(PARTIAL, scheme={'name': 'cyclic-mds'}),
}
#: Jobs in which a file may be missing where a peer took its time.
LATE = {
    'deadline': changed(PARTIAL, transfer={'name': 'sums'}, collection={
        'name': 'deadline', 'deadline': 2.0}),
    'adaptive': changed(PARTIAL, transfer={'name': 'sums'}, collection={
        'name': 'adaptive', 'deadline': 9.0}),
}
JOBS = EXACT | TOLERANT | TRUSTING | LATE


def assembled(job, steps):
    """A small exact job, of so many steps."""
    base = {'run': {'steps': steps, 'seed': 7, 'evaluate_every': 0},
            'problem': {'name': 'quadratic', 'parameters': 13,
                        'batch_size': 42, 'micro_batch': 4},
            'faults': {'silence': SILENCE},
            'delay': {'name': 'exponential', 'mean': 1.0, 'per': 'file'}}
    return Assembly(loading.from_tables(changed(base, **job)))


def generator(name, run=0):
    """Other draws for each job and run."""
    return np.random.default_rng([zlib.crc32(name.encode()), run])


def besieged(name, run, steps=STEPS):
    """The `Arena` in which a job with hostile workers has been run."""
    arena = Arena(assembled(JOBS[name], steps), HOSTILE,
                  generator(name, run),
                  truthful=name in TRUSTING | LATE,
                  probes=name in EXACT | TOLERANT)
    assert arena.run() == DONE
    return arena


@cache
def outcome(name, run):
    """What was sent in such a run, and the parameters that came of it."""
    arena = besieged(name, run)
    return arena.sent, arena.server.parameters.values


def peaceful(name):
    """The parameters where the hostile workers are honest."""
    arena = Arena(assembled(JOBS[name], STEPS), (), generator(name))
    assert arena.run() == DONE
    return arena.server.parameters.values


@pytest.mark.parametrize('run', range(RUNS))
@pytest.mark.parametrize('name', JOBS)
def test_a_few_hostile_workers_change_nothing(name, run):
    """Each step is judged by the `Arena`; here, what comes of them."""
    values = outcome(name, run)[1]
    plain = peaceful(name)
    if name in EXACT:
        assert values.tobytes() == plain.tobytes()
    if name not in LATE:
        assert distance(values, plain) < 1e-5


@pytest.mark.parametrize('name', ['certified', 'robust, coded', 'partial'])
def test_memory_is_flat(name):
    """After a warm-up, whatever a few workers send."""
    # What is imported or loaded once does not count.
    besieged(name, 1)
    assert once(lambda grown: grown <= GROWTH, lambda: grown_bytes(name))


def grown_bytes(name):
    """Bytes in use after a warm-up, at most, beyond those at its end."""
    tracemalloc.start()
    try:
        arena = besieged(name, 0, 2 * RUNS * STEPS)
    finally:
        tracemalloc.stop()
    warm = arena.traced[len(arena.traced) // 4:]
    return max(warm) - warm[0]


@pytest.mark.parametrize('name', JOBS)
@pytest.mark.parametrize('honest', [0, 1, 3])
def test_too_many_of_them_end_the_run_at_the_worst(name, honest):
    """Nothing raises, and nothing is waited for without a bound."""
    assembly = assembled(JOBS[name], STEPS)
    hostile = range(assembly.job.n_workers - honest)
    arena = Arena(assembly, hostile, np.random.default_rng(honest),
                  outvoted=False, probes=True)
    assert arena.run() in EXIT_CODES


def test_so_many_messages_of_all_kinds_are_sent():
    sent = sum((outcome(name, run)[0] for name in JOBS
                for run in range(RUNS)), Counter())
    assert set(sent) == {'due', 'replay', *LOUD, *QUIET, *LIES}
    assert sent.total() > MESSAGES
