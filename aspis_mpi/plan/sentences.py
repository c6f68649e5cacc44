"""The sentences of a forecast."""

from aspis_mpi.assembly.display import survived
from aspis_mpi.detection.spot.forecast import described
from aspis_mpi.words import counted, every, size


def describe(plan):
    """The plan in sentences, for a person."""
    p = plan
    lines = [
        f"{p.job}: scheme {p.scheme}, {counted(p.workers, 'worker')} and the "
        f'parameter server, so mpirun -n {p.workers + 1}.',
        f"{counted(p.files, 'file')} a step, "
        f"{counted(p.replication, 'worker')} a file, at most "
        f"{counted(p.load, 'file')} a worker; "
        f"{counted(p.batch_size, 'sample')} a step.",
        *_sizes(p),
        f'{p.parameters:,} parameters; '
        f"{counted(p.gradients_per_step, 'gradient is', 'gradients are')} "
        'computed a step, '
        f"{counted(p.vectors_up, 'vector is', 'vectors are')} sent.",
        f'Bytes a step: {size(p.bytes_up)} up, {size(p.bytes_down)} down.',
    ]
    if p.spot is None:
        lines.append('Memory beyond the process: server '
                     f'{size(p.server_memory)}, worker '
                     f'{size(p.worker_memory)}.')
    lines += _worst_case(p) + _certificates(p)
    lines.append(survived(p.silent_survived))
    lines += _placement(p) + _adapting(p) + _pace(p)
    if p.spot is not None:
        lines += described(p.spot)
    if p.reactive is not None:
        lines += p.reactive.described()
    lines += _checkpoints(p)
    if p.tolerates:
        who = counted(p.tolerates, 'worker that dies', 'workers that die')
        lines.append(f'The run goes on without up to {who}, under mpirun '
                     '--with-ft ulfm.')
    if p.q_max is not None:
        lines.append(_order(p))
    if p.before:
        lines.append(f'Before the aggregation comes {", then ".join(p.before)}'
                     f', which leaves {counted(p.rows, "row")} of the '
                     f'{counted(p.files, "file")}.')
    if p.buckets is not None:
        lines.append(f"median-of-means has {counted(p.buckets, 'bucket')}.")
        if p.buckets <= 2 * p.worst_case_wrong_files:
            lines.append('That is no majority of right buckets in the worst '
                         'case.')
    return '\n'.join(lines + p.warnings)


def _sizes(p):
    """Sentences on the sizes of files and on sums along trees."""
    lines, it = [], p.uneven
    if it is not None:
        lines.append(
            f'A file has {_range(it.least, it.most)} samples, a worker '
            f'{_range(it.worker_least, it.worker_most)}.')
        if it.whole is not None:
            whole = counted(it.whole, 'whole file')
            lines.append(f'These are nodes of {whole}, in units of '
                         f'{_range(it.unit_least, it.unit_most)} samples.')
    if p.tree_vectors:
        lines.append("Sums along the tree take "
                     f"{counted(p.tree_vectors, 'more vector')} of a worker.")
    return lines


def _range(least, most):
    return f'{least}' if least == most else f'{least} to {most}'


def _checkpoints(p):
    """A sentence on checkpoints; spot checks have their own."""
    if p.spot is not None and p.spot.rollback:
        return []
    when = (f"{every(p.checkpoint_every, 'step')} and where the run ends"
            if p.checkpoint_every else 'where the run ends')
    last = 'one is' if p.checkpoints == 1 else f'{p.checkpoints} are'
    return [f'A checkpoint of {size(p.checkpoint_bytes)} {when}; the last '
            f'{last} kept.']


def _worst_case(p):
    """The bound of wrong files as a sentence, if any worker may be wrong."""
    if not p.assumed_adversaries:
        return []
    who = counted(p.assumed_adversaries, 'worker is', 'workers are')
    silent = '' if p.worst_case_bounds_silence else ' and nobody is silent'
    share = (f' ({100 * p.worst_case_share:.3g} %)' if p.worst_case_share
             else '')
    return [f'At most {p.worst_case_wrong_files} of {p.files} files{share} '
            f'can be wrong in a step if at most {who}{silent}.']


def _certificates(p):
    """Sentences on what can be certified, and what exposure costs."""
    q, r = p.assumed_adversaries, p.replication
    lines = {
        None: [],
        'attacked': [f'Every file can be certified, without an attack (r = '
                     f'{r} is more than q = {q}) and against fresh liars '
                     f'without a loss (r is more than 2 q = {2 * q}).'],
        'unattacked': [f'Without an attack every file can be certified (r = '
                       f'{r} is more than q = {q}); fresh liars may cost '
                       f'files (r is not more than 2 q = {2 * q}).'],
        'none': [f'Without an attack no file can be certified (r = {r} is '
                 f'not more than q = {q}): files are presumed, all their '
                 'workers are waited for, so slow ones are not made up for, '
                 f'and of these files the {p.worst_case_wrong_files} with '
                 'the largest norms are left out.'],
    }[p.certifies]
    if p.reassigns:
        lines.append("An exposed worker's files go to others.")
    elif p.reassigns is not None:
        lines.append("An exposed worker's files stay without it: this "
                     'transfer cannot give them to others, so that they have '
                     'one copy less.')
    return lines


def _placement(p):
    """A sentence on hosts, where they are known or count."""
    if p.most_on_a_host is not None:
        return [f'Workers are placed by {p.placement}: at most '
                f'{p.most_on_a_host} of the {p.replication} workers of a file '
                'are on one host.']
    if p.placement == 'hosts':
        return ['Workers are placed by their hosts, as the launcher tells '
                'them.']
    return []


def _adapting(p):
    """A sentence on files that follow speeds."""
    if not p.adapts_every:
        return []
    when = every(p.adapts_every, 'step').capitalize()
    return [f'{when} files may be laid out anew by the speeds of workers, '
            f"none of which gets more than {counted(p.most_files, 'file')}."]


def _pace(p):
    """Sentences on what slow and silent workers can cost."""
    lines, q = [], p.assumed_adversaries
    if p.waits_for_all and not p.presses:
        bound = ('; faults.patience = 0.01 would bound it by the pace of '
                 'others' if q else '')
        lines.append('One worker sets the pace: everybody is waited for, up '
                     f'to {p.silence:g} s from one sign of life to the next'
                     f'{bound}.')
    elif p.presses:
        lines.append(f'Who takes three times as long as the {p.workers - q} '
                     f'fastest of {p.workers} workers is late, and not waited '
                     'for where others can do its part.')
    if p.most_cost:
        share = f'{100 * p.most_cost:g} %'
        lines.append(f'A worker that has cost more than {2 * p.silence:g} s '
                     f'and more than {share} of the run gets no work until '
                     'the run has lasted longer.')
    return lines


def _order(p):
    """A sentence on how good the order of computing is."""
    gap = p.q_max - p.q_max_bound
    ending = ('no order needs fewer.' if not gap else
              f'no order can need fewer than {p.q_max_bound}, a gap of {gap}.')
    gradients = counted(p.gradients_per_step, 'gradient')
    return (f'After any {p.q_max} of the {gradients} every file has '
            f'{p.copies} of its copies, whoever is slow; {ending}')
