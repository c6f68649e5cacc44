"""Names and columns of the run log that scripts of users rely on."""

from aspis_mpi.schemes.events import EventCode

#: The groups and columns that users' scripts rely on.
CONTRACT = {
    'assignment': {'incidence', 'order', 'samples', 'wholes', 'changes',
                   'orders'},
    'detection': {'flagged', 'exposed', 'excluded', 'disagreements',
                  'margin'},
    'resolution': {'source', 'contributors', 'copies'},
    'progress': {'files_done', 'first_report', 'last_report', 'late',
                 'account'},
    'truth': {'adversaries', 'lies', 'payload_lies', 'dawdles'}}
COLUMNS = {
    'steps': (
        'step', 'loss', 'lr', 'gradient_norm', 'residual', 'hidden_bias',
        'verdict', 'epochs', 'audits', 'n_flagged', 'n_excluded',
        'files_certified', 'files_presumed', 'files_dropped',
        'files_missing', 'bytes_in', 'bytes_out', 'messages',
        'seconds_wait', 'seconds_transfer', 'seconds_detect',
        'seconds_aggregate', 'seconds_update', 'seconds_step', 'turn',
        'files_checked', 'clipped', 'scale'),
    'evaluation': ('step', 'seconds', 'loss', 'accuracy'),
    'events': ('time', 'level', 'rank', 'code'),
    'exposures': ('step', 'since', 'worker', 'proof', 'turn'),
    'tensors': ('step', 'worker', 'proof', 'distance', 'entries', 'size',
                'turn'),
    'starts': ('step', 'began', 'events', 'exposures', 'source'),
    'rollbacks': ('turn', 'seconds', 'start', 'end', 'undone', 'wrong',
                  'cause'),
    'draws': ('step', 'turn', 'epoch', 'kind', 'seed_low', 'seed_high',
              'worker', 'checks'),
    'arrivals': ('step', 'worker', 'kind', 'files_done', 'seconds', 'bytes',
                 'turn')}
#: Row by row with a table, and its last column for whoever reads.
BESIDE = {'events': ('events_text', 'text'),
          'exposures': ('exposures_text', 'text'),
          'tensors': ('tensors_name', 'name'),
          'starts': ('starts_places', 'places'),
          'arrivals': ('arrivals_finished', 'finished'),
          'assignment/changes': ('assignment/orders', 'order')}
#: What numbers of a column are called.
NAMES = {
    ('steps', 'verdict'): ('contradiction', 'skipped', 'incomplete', 'voted',
                           'resolved', 'clean'),
    ('arrivals', 'kind'): ('model', 'progress', 'replica', 'payload',
                           'silent', 'deadline', 'malformed', 'sketch',
                           'lost', 'late'),
    ('draws', 'kind'): ('heads', 'tails', 'challenge', 'check', 'more',
                        'layout', 'due'),
    **{(name, 'proof'): ('disagreements', 'audit', 'sketches', 'malformed')
       for name in ('exposures', 'tensors')},
    ('events', 'code'): tuple(code.word for code in EventCode),
    ('starts', 'source'): ('unknown', 'ranks', 'simulated', 'slurm', 'pmix',
                           'open-mpi', 'hydra'),
    ('rollbacks', 'cause'): ('exposure', 'hand', 'norm')}
ATTRIBUTES = {'format', 'version', 'config', 'seed', 'parameters', 'package',
              'mpi', 'hosts', 'hosts_from', 'created', 'clock', 'identity',
              'last_checkpoint'}
PACKED = {'disagreements': ('K', 'K'), 'contributors': ('f', 'K'),
          'lies': ('f', 'K'), 'arrivals_finished': ('l',)}
