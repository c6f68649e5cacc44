"""Jobs of fifteen workers on four hosts, one of which is slow."""

from aspis_mpi.job import loading

#: Seconds of a file, and by how much they are more for slow workers.
FILE, FACTOR = 0.05, 10.0

TABLES = {
    'run': {'steps': 6, 'seed': 7, 'evaluate_every': 0,
            'checkpoint_every': 3},
    'problem': {'name': 'quadratic', 'parameters': 40},
    'scheme': {'name': 'robust-partial', 'workers': 15, 'adversaries': 2},
    'assignment': {'load': 5, 'placement': 'hosts'},
    'network': {'hosts': [4, 4, 4, 4]},
    'delay': {'name': 'slow', 'mean': FILE, 'factor': FACTOR, 'hosts': [1]},
}


def tables(**sections):
    """Sections of the job, some keys of them changed; None leaves one out."""
    changed = {name: {key: value for key, value in (
        TABLES.get(name, {}) | sections.get(name, {})).items()
        if value is not None} for name in {**TABLES, **sections}}
    return {name: table for name, table in changed.items() if table}


def job(**sections):
    """The job, as `tables`."""
    return loading.from_tables(tables(**sections), 'job.toml')
