"""Host of each rank, by the word of what has launched the ranks.

The ranks themselves may lie.  What rank 0 finds in its own environment is
the launcher's word, but most of it is about rank 0 alone, and below an
mpirun in a SLURM allocation SLURM speaks of the launcher's daemons, one a
node, not of the ranks.  Known is the whole map or nothing:

* `srun` tells the nodes of the step, the tasks of each and how they were
  dealt out.  The namespace of PMIx, or the job of PMI-2, is that of the
  step where srun has started the ranks itself.
* The mpirun of Open MPI 5 tells PMIx, which MPI starts, where the ranks are.
* Open MPI's and Hydra's tell in variables how many ranks are on the host of
  rank 0: if these are all, the map is known.
"""

import os
import platform
import re
from collections import Counter
from dataclasses import dataclass

from aspis_mpi.backends.launcher import launch

#: Who says it where no launcher does.
RANKS = 'ranks'

#: What srun's plugins call the step, and with them its number of tasks.
STEP_OF_PMI, STEP_OF_PMIX = '{}.{}', 'slurm.pmix.{}.{}'

#: Signs of another launcher between srun and the ranks.
OTHERS = ('OMPI_COMM_WORLD_RANK', 'PRTE_LAUNCHED', 'MPI_LOCALNRANKS',
          'HYDI_CONTROL_FD', 'HYDRA_BSTRAP_LOCALHOST', 'PMI_HOSTNAME',
          'SLURM_EXTERNAL_LAUNCHER')

#: Number of ranks, and of those on the host of rank 0, of each mpirun.
SIZES = (('open-mpi', 'OMPI_COMM_WORLD_SIZE', 'OMPI_COMM_WORLD_LOCAL_SIZE'),
         ('hydra', 'PMI_SIZE', 'MPI_LOCALNRANKS'))

_BETWEEN_NODES = re.compile(r',(?![^\[]*\])')
_NODES = re.compile(r'([^\[\],]+)(?:\[([^\[\]]+)\])?')
_RANGE = re.compile(r'(\d{1,9})(?:-(\d{1,9}))?')
_TASKS = re.compile(r'(\d{1,9})(?:\(x(\d{1,9})\))?')


@dataclass(frozen=True)
class Hosts:
    """The host of each rank.

    Attributes
    ----------
    names : tuple of str
    source : str
        Who says so: 'slurm', 'pmix', 'open-mpi' or 'hydra'.
    cluster : str
        Where the names are names; empty if nobody says it.
    """

    names: tuple[str, ...]
    source: str
    cluster: str = ''

    def places(self):
        """Keys that tell the place of a rank from all others, a list of str.

        Of the ranks of a host the number is a part of it: of so many, the
        same one has the same processors.
        """
        count, seen, found = Counter(self.names), Counter(), []
        for name in self.names:
            seen[name] += 1
            found.append(f'{self.source}:{self.cluster} {name} '
                         f'{seen[name]}/{count[name]}')
        return found


@dataclass(frozen=True)
class Places:
    """Place of each rank, as far as rank 0 can tell.

    Attributes
    ----------
    hosts : list of str
    source : str
        Who says the hosts: as of `Hosts`, or 'ranks'.
    devices : list of str
        Of each rank, by its own word; '' of the processor.
    keys : list of str
        Host and device of each rank: what was wrong with one rank may be
        wrong with the next one there.
    vouched : bool
        Whether no key rests on what a rank says.
    """

    hosts: list[str]
    source: str
    devices: list[str]
    keys: list[str]
    vouched: bool


def located(said, devices, told, on_processors):
    """Put together what the ranks and the launcher say.

    Parameters
    ----------
    said, devices : list of str
        Host and device of each rank by its own word; no device where it
        computes on the processor.
    told : Hosts or None
    on_processors : bool
        Whether all ranks do, by the job: no launcher tells devices.

    Returns
    -------
    Places
    """
    hosts = said if told is None else list(told.names)
    places = said if told is None else told.places()
    vouched = told is not None and on_processors
    keys = places if vouched else [
        f'{place} {device}'.rstrip()
        for place, device in zip(places, devices)]
    return Places(hosts, told.source if told else RANKS, devices, keys,
                  vouched)


def hosts(environment=os.environ, nodes=None):
    """The host of every rank, as the launcher tells it to rank 0.

    Parameters
    ----------
    environment : mapping of str to str
        Of rank 0.
    nodes : callable, optional
        Given the name of a job, the ranks on each node by PMIx's word.

    Returns
    -------
    Hosts or None
        None where rank 0 cannot know it for certain.

    >>> hosts({'OMPI_COMM_WORLD_RANK': '0', 'OMPI_COMM_WORLD_SIZE': '3',
    ...        'OMPI_COMM_WORLD_LOCAL_SIZE': '2'})
    """
    size = launch(environment).size
    cluster = environment.get('SLURM_CLUSTER_NAME', '')
    if _started_by_srun(environment, size):
        names = _of_slurm(environment, size)
        return Hosts(names, 'slurm', cluster) if names else None
    if nodes and environment.get('PRTE_LAUNCHED') == '1':
        job = environment.get('PMIX_NAMESPACE', '')
        if names := _of_pmix(nodes(job), size):
            return Hosts(names, 'pmix', cluster)
    for source, total, local in SIZES:
        if total in environment:
            known = environment.get(local) == environment[total] == str(size)
            names = (_own_name(environment),) * size
            return Hosts(names, source, cluster) if known else None
    return None


def _own_name(environment):
    """This host, by SLURM's name for it if that is the same without domain."""
    name, node = platform.node(), environment.get('SLURMD_NODENAME', '')
    return node if node == name.partition('.')[0] else name


def _of_pmix(nodes, size):
    """The map of a job; empty unless each rank is on one node."""
    names = {rank: node for node, ranks in nodes.items() for rank in ranks}
    count = sum(len(ranks) for ranks in nodes.values())
    if count != size or names.keys() != set(range(size)):
        return ()
    return tuple(names[rank] for rank in range(size))


def _started_by_srun(environment, size):
    """True if the ranks are the tasks of SLURM's step, one for one."""
    if any(name in environment for name in OTHERS):
        return False
    step = [environment.get(name, '') for name in
            ('SLURM_JOB_ID', 'SLURM_STEP_ID')]
    return (environment.get('SLURM_STEP_NUM_TASKS') == str(size) and (
        environment.get('PMI_JOBID') == STEP_OF_PMI.format(*step)
        or environment.get('PMIX_NAMESPACE') == STEP_OF_PMIX.format(*step)))


def _of_slurm(environment, size):
    """The map of a step; empty where it is not dealt out in a known way."""
    try:
        nodes = expanded(environment.get('SLURM_STEP_NODELIST', ''), size)
        tasks = counts(environment.get('SLURM_STEP_TASKS_PER_NODE', ''), size)
    except ValueError:
        return ()
    if len(nodes) != len(tasks) or sum(tasks) != size:
        return ()
    # Where nobody has asked for a way, SLURM does not name the one it took.
    name = environment.get('SLURM_DISTRIBUTION')
    ways = WAYS if name is None else WAYS.keys() & {re.split('[:,]', name)[0]}
    # What SLURM says of the node of rank 0 has to follow from it.
    own = environment.get('SLURMD_NODENAME'), environment.get('SLURM_GTIDS')
    fitting = {names for names in (WAYS[way](nodes, tasks) for way in ways)
               if own == (names[0], _ranks(names, names[0]))}
    return fitting.pop() if len(fitting) == 1 else ()


def _ranks(names, node):
    return ','.join(str(rank) for rank, name in enumerate(names)
                    if name == node)


def expanded(text, most):
    """The nodes of a list such as `a[01-03,7],b`, in its order.

    Raises
    ------
    ValueError
        It is written in another way, or names more than `most`.

    >>> expanded('a[09-11,3],b', 9)
    ['a09', 'a10', 'a11', 'a3', 'b']
    """
    found = []
    for part in _BETWEEN_NODES.split(text):
        prefix, ranges = _match(_NODES, part)
        if ranges is None:
            found.append(prefix)
            continue
        for first, last in (_match(_RANGE, it) for it in ranges.split(',')):
            numbers = range(int(first), int(last or first) + 1)
            found += [f'{prefix}{number:0{len(first)}}'
                      for number in _bounded(numbers, most)]
    if len(set(found)) != len(found):
        raise ValueError(f'{text} names a node twice')
    return _bounded(found, most)


def counts(text, most):
    """Tasks of each node, of a list such as `4(x3),2`.

    Raises
    ------
    ValueError
        It is written in another way, or of more than `most` nodes.

    >>> counts('4(x3),2', 9)
    [4, 4, 4, 2]
    """
    found = []
    for part in text.split(','):
        tasks, times = _match(_TASKS, part)
        found += [int(tasks)] * len(_bounded(range(int(times or 1)), most))
    return _bounded(found, most)


def _match(pattern, text):
    match = pattern.fullmatch(text)
    if match is None:
        raise ValueError(f"'{text}' is written in an unknown way")
    return match.groups()


def _bounded(items, most):
    if len(items) > most:
        raise ValueError(f'{len(items)} nodes must be at most {most}')
    return items


def _block(nodes, tasks):
    return tuple(node for node, number in zip(nodes, tasks)
                 for _ in range(number))


def _cyclic(nodes, tasks):
    return tuple(node for turn in range(max(tasks))
                 for node, number in zip(nodes, tasks) if turn < number)


#: How SLURM deals out tasks to nodes, where that tells where each is.
WAYS = {'block': _block, 'cyclic': _cyclic}
