"""Schemes by name: what a preset fills into the sections of a job.

A preset keeps its published choice for ever; each key can be overridden.
"""

#: Sections of a job that names no scheme.
DEFAULT = {
    'assignment': {'name': 'subset', 'replication': 3},
    'collection': {'name': 'all'},
    'transfer': {'name': 'replicas'},
    'detection': {'name': 'certified'},
    'aggregation': {'name': 'median-of-means'},
}

#: What all schemes share that trust every worker and fear only slow ones.
_TRUSTING = {
    'detection': {'name': 'none'},
    'aggregation': {'name': 'mean'},
}


def _classical(assignment, transfer, copies=1):
    """A gradient code as it was published: whole workers or nothing."""
    return {
        'assignment': assignment,
        'collection': {'name': 'full-workers', 'copies': copies},
        'transfer': {'name': 'coded'} | transfer,
    } | _TRUSTING


def _robust_partial(n_adversaries):
    """Sections with so many copies that q fresh liars cost no file."""
    return {
        'assignment': {'name': 'cyclic', 'load': 2 * n_adversaries + 1,
                       'order': 'matching'},
        'collection': {'name': 'coverage', 'copies': 1},
        'transfer': {'name': 'sums', 'challenge': True},
        'detection': {'name': 'certified', 'memory': 'forever'},
        'aggregation': {'name': 'mean'},
    }


def _draco(n_adversaries):
    """Sections with groups in which q liars are outvoted."""
    return {
        'assignment': {'name': 'repetition',
                       'replication': 2 * n_adversaries + 1},
        'collection': {'name': 'all'},
        'transfer': {'name': 'replicas'},
        'detection': {'name': 'majority'},
        'aggregation': {'name': 'mean'},
    }


def _draco_cyclic(n_adversaries):
    """Sections with vectors of which q wrong ones are corrected."""
    return {
        'assignment': {'name': 'cyclic', 'load': 2 * n_adversaries + 1},
        'collection': {'name': 'all'},
        'transfer': {'name': 'correcting'},
    } | _TRUSTING


def _spot(n_adversaries):
    """Sections with one owner a file, of which some are looked at."""
    return {
        'assignment': {'name': 'uncoded', 'load': 8},
        'collection': {'name': 'all'},
        # An error of 3e-4 of a payload passes once in a million checks,
        # whatever the numbers.
        'transfer': {'name': 'sums', 'challenge': True, 'sketches': 4,
                     'sketch_type': 'float32'},
        'detection': {'name': 'spot', 'budget': 'fixed'},
        'aggregation': {'name': 'mean'},
        'faults': {'patience': 0.01, 'tolerate': n_adversaries},
    }


def _reactive(rate):
    """Sections with one owner a file, of which steps are computed again."""
    def preset(n_adversaries):
        return {
            'assignment': {'name': 'uncoded'},
            'collection': {'name': 'all'},
            'transfer': {'name': 'sums'},
            'detection': {'name': 'reactive', 'rate': rate,
                          'budget': 'fixed'},
            'aggregation': {'name': 'mean'},
            'faults': {'patience': 0.01, 'tolerate': n_adversaries},
        }
    return preset


#: Sections by name, or a function of q that gives them.
PRESETS = {
    # no redundancy, nobody is checked
    'uncoded': {
        'assignment': {'name': 'uncoded'},
        'collection': {'name': 'all'},
        'transfer': {'name': 'replicas'},
        'detection': {'name': 'none'},
        'aggregation': {'name': 'mean'},
    },
    # Konstantinidis, Ramamoorthy, arXiv 2108.02416
    'aspis': {
        'assignment': {'name': 'subset', 'replication': 3},
        'collection': {'name': 'all'},
        'transfer': {'name': 'replicas'},
        'detection': {'name': 'clique'},
        'aggregation': {'name': 'median-of-means'},
    },
    # Konstantinidis, Vaswani, Ramamoorthy, arXiv 2208.08085
    'aspis-plus': {
        'assignment': {'name': 'bibd', 'replication': 3, 'rename': True},
        'collection': {'name': 'all'},
        'transfer': {'name': 'replicas'},
        'detection': {'name': 'degree', 'window': 15, 'budget': 'fixed'},
        'aggregation': {'name': 'median'},
    },
    # Konstantinidis, Ramamoorthy, "ByzShield", MLSys 2021, arXiv 2010.04902
    'byzshield': {
        'assignment': {'name': 'mols', 'replication': 3},
        'collection': {'name': 'all'},
        'transfer': {'name': 'replicas'},
        'detection': {'name': 'none'},
        'aggregation': {'name': 'median'},
    },
    # Rajput, Wang, Charles, Papailiopoulos, "DETOX", NeurIPS 2019: groups
    # vote, then robust aggregation of what is left
    'detox': {
        'assignment': {'name': 'repetition', 'replication': 3},
        'collection': {'name': 'all'},
        'transfer': {'name': 'replicas'},
        'detection': {'name': 'none'},
        'aggregation': {'name': 'median-of-means'},
    },
    # Chen, Wang, Charles, Papailiopoulos, "DRACO", ICML 2018, repetition
    'draco': _draco,
    # the same paper's cyclic code
    'draco-cyclic': _draco_cyclic,
    # Tandon, Lei, Dimakis, Karampatziakis, "Gradient coding", ICML 2017:
    # cyclic repetition, load = stragglers + 1
    'gradient-code': _classical({'name': 'cyclic', 'load': 3},
                                 {'code': 'tandon'}),
    # the same paper's fractional repetition
    'fractional-repetition': _classical(
        {'name': 'repetition', 'replication': 3, 'load': 3},
        {'code': 'tandon'}),
    # Raviv, Tamo, Tandon, Dimakis, "Gradient coding from cyclic MDS codes
    # and expander graphs", ICML 2018
    'cyclic-mds': _classical({'name': 'cyclic', 'load': 3}, {'code': 'raviv'}),
    # Ye, Abbe, "Communication-computation efficient gradient coding", ICML
    # 2018: load = stragglers + copies
    'ye-abbe': _classical({'name': 'cyclic', 'load': 3},
                          {'code': 'ye-abbe'}, copies=2),
    # approximate codes with optimal decoding
    'approximate': _classical(
        {'name': 'random-regular', 'load': 3, 'order': 'matching'},
        {'code': 'approximate', 'stragglers': 2}),
    # no redundancy: the fastest workers count, the others are ignored
    'ignore-stragglers': _classical(
        {'name': 'uncoded'}, {'code': 'approximate', 'stragglers': 2}),
    # no redundancy: everybody counts
    'wait-for-all': {
        'assignment': {'name': 'uncoded'},
        'collection': {'name': 'all'},
        'transfer': {'name': 'sums'},
    } | _TRUSTING,
    # Gupta, Vaidya, arXiv 1912.09528: q + 1 copies, 2q + 1 where they differ
    'reactive': _reactive(1.0),
    # the same paper's randomised scheme
    'reactive-random': _reactive(0.1),
    # one gradient a file, checked by chance, undone where a check fails
    'spot': _spot,
    # wrong and slow workers at once
    'robust-partial': _robust_partial,
    # Ramamoorthy, Meng, Girimaji, arXiv 2405.19509
    'partial': {
        'assignment': {'name': 'cyclic', 'load': 3, 'order': 'matching'},
        'collection': {'name': 'coverage', 'copies': 1},
        'transfer': {'name': 'coded', 'code': 'least-squares',
                     'matrix': 'structured'},
    } | _TRUSTING,
}


def sections(name, n_adversaries):
    """The sections that a preset fills in where q workers may be wrong.

    Parameters
    ----------
    name : str or None
    n_adversaries : int
    """
    preset = PRESETS.get(name, DEFAULT)
    return preset(n_adversaries) if callable(preset) else preset


def counts_on(name):
    """True if a preset is another one for another number of adversaries."""
    return callable(PRESETS.get(name))
