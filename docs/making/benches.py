"""The scripts of tests/bench whose figures stand on the page of benchmarks.

Each takes less than two minutes on two cores, but for the rules of
aggregation beside their peers, which take half an hour.  Figures are ratios
where they can be: these say the same on many machines, and mostly also on a
busy one.
"""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """A row of a table: a number that a bench prints, or a quotient of two.

    Attributes
    ----------
    told : str
        What it is.
    key : str
        Of the JSON that is printed.
    over : str
        Key of what it is divided by, '' if by nothing.
    line : int
        Which of the lines that all commands of the bench print.
    """

    told: str
    key: str
    over: str = ''
    line: int = 0

    def value(self, lines):
        """The number, from all printed lines."""
        line = lines[self.line]
        return line[self.key] / (line[self.over] if self.over else 1)


@dataclass(frozen=True)
class Bench:
    """What is measured by one script.

    Attributes
    ----------
    name : str
        Of the script in tests/bench.
    title, about : str
        Heading and sentences of the page.
    commands : tuple of str
        As they are given in the root of a checkout.
    figures : tuple of Figure
    compared : callable, optional
        Makes of all printed lines the head and the rows of a table that
        stands in the place of the figures.
    """

    name: str
    title: str
    about: str
    commands: tuple
    figures: tuple = ()
    compared: Callable | None = None


def rules(lines):
    """Rules of aggregation in rows, numbers and threads in columns."""
    found = {(it['rule'], it['d'], it['threads']): it for it in lines}
    sizes = sorted({key[1:] for key in found})
    head = ('rule', *(f'd = {d:,}, {threads} thread' + 's' * (threads > 1)
                      for d, threads in sizes), 'memory', 'holds')
    rows = []
    for rule in dict.fromkeys(it['rule'] for it in lines):
        some = [found.get((rule, *size)) for size in sizes]
        there = [it for it in some if it]
        rows.append((f'`{rule}`', *map(_one, some),
                     f'{max(it["memory"] for it in there):.2f}',
                     'yes' if all(it['holds'] for it in there) else 'no'))
    return head, rows


def _one(line):
    """A cell: reads, and how much faster than which peer."""
    if line is None:
        return '–'
    peer = line.get('peer')
    return f'{line["reads"]:.1f}' + (
        f'; {line["faster"]:.1f} × {peer}' if peer else '')


RANKS = 'mpirun --oversubscribe -n 16 python tests/bench'

BENCHES = (
    Bench('step.py', 'A step of the whole stack',
          'A step of scheme `uncoded` with its checks and its log, beside a '
          'hand-written loop that does no more than send the parameters, '
          'receive the gradients and take their mean. On fewer cores than '
          '16, processes that wake up share them, which small steps feel '
          'most.',
          (f'{RANKS}/step.py 61706 3', f'{RANKS}/step.py 431080 3'),
          (Figure('61,706 parameters: step ÷ that of the loop', 'ratio'),
           Figure('431,080 parameters', 'ratio', line=1))),
    Bench('receive.py', 'Receiving',
          'Rank 0 receives a vector of 44 MB of each of 15 workers.',
          (f'{RANKS}/receive.py',),
          (Figure('bytes a second ÷ those of `memcpy`',
                  'receive_over_memcpy'),)),
    Bench('challenge.py', 'Sums and a challenge in the place of replicas',
          'Bytes into the server, in vectors of all 15 workers: with sums '
          'that are challenged, and with all replicas. And the seconds of a '
          'step that are not computing, of replicas over those of sums; '
          'workers sketch what they hold, at the same time where each has a '
          'core, with products in float64 or in float32 '
          '(`transfer.sketch_type`).',
          (f'{RANKS}/challenge.py 61706 3',),
          (Figure('bytes, sums ÷ one vector of each worker',
                  'float64_bytes_over_Kd4'),
           Figure('bytes, replicas ÷ the same', 'replicas_bytes_over_Kd4'),
           Figure('seconds, replicas ÷ sums', 'float64_ratio'),
           Figure('the same in float32', 'float32_ratio'),
           Figure('seconds, were there a core for each rank',
                  'float64_ratio_with_one_core_a_rank'),
           Figure('the same in float32',
                  'float32_ratio_with_one_core_a_rank'))),
    Bench('sketching.py', 'Sketches',
          'Sketches of 8 rows of the 91 files of a worker, 431,080 '
          'parameters, beside the norms of the same files.',
          ('python tests/bench/sketching.py',),
          (Figure('a single file: sketch ÷ norm', 'sketch_1', 'norm_1'),
           Figure('15 files', 'sketch_15', 'norm_15'),
           Figure('91 files', 'sketch_91', 'norm_91'),
           Figure('91 files, products in float32', 'float32', 'norm_91'))),
    Bench('screens.py', 'Screens of spot checks',
          'Norms of blocks or tensors of 15 payloads of 11,173,962 numbers, '
          'beside one product by BLAS, which reads the same.',
          ('python tests/bench/screens.py',),
          (Figure('norms of blocks ÷ product', 'blocks', 'dot'),
           Figure('norms of tensors ÷ product', 'tensors', 'dot'),
           Figure('blocks whose squares are no float32 ÷ product',
                  'overflowing', 'dot'))),
    Bench('aggregators.py', 'Rules of aggregation beside other libraries',
          'Of 25 files of d numbers, 5 of which may be wrong: seconds of each '
          'rule over those of one read of all files, and how much faster it '
          'is than the fastest of ByzFL 0.0.11, ByzPy 0.1.4 and krum 0.9.1 '
          'where one of them has the rule, all with as many threads and by '
          'turns. Memory is the most of files, result and all that is made, '
          'over the files. It holds if a rule is at least twice as fast as '
          'that peer, `krum`, `multi-krum` and `nnm` five times, or takes at '
          'most 1.3 reads, and 1.3 times the memory of the files; the '
          'command exits with 1 where it does not. It needs a package index.',
          ('python tests/bench/aggregators.py --d 1000000 11000000 '
           '--threads 1 2 --peers .peers',), compared=rules),
    Bench('spot.py', 'Spot checks while nobody lies',
          'Scheme `spot`, rate 0.1 and the first 10 of 200 steps checked, '
          'beside `wait-for-all` with the same load, batch and files, on the '
          'clock of the simulator.',
          ('python tests/bench/spot.py quadratic 200 1',),
          (Figure('gradients of a file', 'gradients', line=1),
           Figure('bytes into the server ÷ one vector of each worker',
                  'bytes', line=1),
           Figure('mean step ÷ that of `wait-for-all`', 'mean', line=1))),
    Bench('adapter.py', 'The gradient of a module of torch',
          'LeNet on 32 samples: as a worker computes it, into a vector of '
          'its own, beside the bare forward and backward.',
          ('python tests/bench/adapter.py lenet',),
          (Figure('worker ÷ bare', 'ratio'),
           Figure('the same, later in a step', 'ratio of later'))),
    Bench('memory.py', 'Memory beside the plan',
          'What `plan` says that a rank needs, beside the peak of its run: '
          '`aspis`, 15 workers, 431,080 parameters.',
          (f'{RANKS}/memory.py',),
          (Figure('server: plan ÷ measured', 'server_ratio'),
           Figure('median worker', 'worker_ratio'))),
    Bench('partial.py', 'Growth with the number of workers',
          'Random regular assignments of 250 to 2,000 workers with 8 files '
          'each: by which power of the number of pairs of worker and file '
          'the time grows.',
          ('python tests/bench/partial.py',),
          (Figure('closed form of the time of a step', 'power_closed_form',
                  line=-1),
           Figure('finding an order of the files', 'power_order', line=-1),
           Figure('a simulated step', 'power_simulated_step', line=-1))),
    Bench('report.py', 'The report of a long run',
          'A log of 10,000 steps of 100 workers, and its page.',
          ('python -m tests.bench.report --only long',),
          (Figure('seconds', 'writing'),
           Figure('bytes of the page ÷ those of the log', 'page_bytes',
                  'log_bytes'))),
)
