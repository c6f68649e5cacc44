"""Jobs drawn over schemes, files, compressions, lies and delays.

A scheme is drawn and options of many kinds are added one after the other, as
long as the job that comes of them is not refused.
"""

from aspis_mpi.assembly.wiring import Assembly
from aspis_mpi.errors import JobError
from aspis_mpi.job import loading
from tests.support.forgery import pick

#: Sections of each scheme; K = 7, q = 2.
SCHEMES = (
    {'assignment': {'name': 'cyclic', 'load': 5}},
    {'assignment': {'name': 'subset', 'replication': 5}},
    {'assignment': {'name': 'cyclic', 'load': 5},
     'detection': {'name': 'core'}},
    {'scheme': {'name': 'robust-partial'}},
    {'scheme': {'name': 'robust-partial'}, 'collection': {'name': 'all'}},
    {'scheme': {'name': 'robust-partial'},
     'transfer': {'name': 'coded', 'challenge': True}},
    {'scheme': {'name': 'reactive'}, 'assignment': {'load': 2}},
    {'scheme': {'name': 'reactive-random'}, 'detection': {'rate': 0.3}},
    {'scheme': {'name': 'spot'}, 'assignment': {'load': 2},
     'detection': {'rate': 0.5, 'first': 1}},
    {'scheme': {'name': 'wait-for-all'}}, {'scheme': {'name': 'partial'}},
    {'scheme': {'name': 'aspis'}})
#: What is added: one of each kind, or nothing.
OPTIONS = (
    ({'compression': {'name': 'integer'}},
     {'compression': {'name': 'integer', 'bits': 5, 'keep': 0.4}},
     {'compression': {'keep': 0.3}}),
    ({'problem': {'file_sizes': 'zipf'}},
     {'problem': {'file_sizes': 'zipf', 'summation': 'tree'},
      'assignment': {'split': True}}, {'problem': {'summation': 'tree'}}),
    ({'assignment': {'adapt': 1}}, {'assignment': {'adapt': 3}},
     {'assignment': {'reorder': 2}}, {'assignment': {'rename': True}}),
    ({'assignment': {'placement': 'hosts'},
      'network': {'hosts': [3, 3, 2]}},),
    ({'transfer': {'sketch_type': 'float32'}},
     {'transfer': {'sketches': 4}}, {'transfer': {'max_epochs': 1}}),
    ({'detection': {'memory': 'forever', 'budget': 'fixed'}},
     {'detection': {'memory': 'window', 'window': 2}},
     {'detection': {'audits': 'none'}}),
    ({'adversary': {'count': 2, 'value': 'stale', 'age': 2}},
     {'adversary': {'count': 2, 'value': 'reversed'}},
     {'adversary': {'count': 2, 'value': 'bit-flip', 'files': 'random'}},
     {'adversary': {'count': 2, 'value': 'nan', 'files': 'random'}},
     {'adversary': {'count': 2, 'value': 'label-flip'}},
     {'adversary': {'count': 1, 'value': 'honest', 'protocol': 'refuse'}},
     {'adversary': {'count': 2, 'value': 'honest', 'protocol': 'payloads'}}),
    ({'delay': {'name': 'exponential', 'mean': 0.05, 'per': 'file'}},
     {'delay': {'name': 'slow', 'mean': 0.05, 'workers': [3]}},
     {'delay': {'name': 'constant', 'mean': 0.05, 'silent': 1}}),
    ({'faults': {'tolerate': 3, 'silence': 2.0}},
     {'faults': {'patience': 0.01, 'silence': 2.0}},
     {'faults': {'approximate': True, 'silence': 2.0}}))


def merged(tables, more):
    """Sections of which the later keys win."""
    return tables | {name: tables.get(name, {}) | keys
                     for name, keys in more.items()}


def drawn(rng):
    """Sections of a job that is not refused."""
    problem = pick(rng, [{'name': 'quadratic', 'parameters': 13},
                         {'name': 'digits', 'model': 'logistic'}])
    job = merged({
        'run': {'steps': 6, 'seed': int(rng.integers(1 << 30)),
                'evaluate_every': 3, 'checkpoint_every': 2},
        'problem': problem | {'batch_size': 84, 'micro_batch': 4},
        'scheme': {'workers': 7, 'adversaries': 2},
        'log': {'detail': 'arrivals'}}, pick(rng, SCHEMES))
    for kind in rng.permutation(len(OPTIONS)):
        more = merged(job, pick(rng, OPTIONS[kind]))
        if rng.random() < 0.7 and _is_taken(more):
            job = more
    return job


def _is_taken(tables):
    try:
        Assembly(loading.from_tables(tables))
    except JobError as error:
        assert '\n' not in str(error)
        return False
    return True
