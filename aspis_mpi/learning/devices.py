"""The device of a node that a rank computes on."""

import os

#: Rank within the node, as Open MPI, MPICH and Intel MPI, and SLURM tell it;
#: SLURM last, since below its mpirun it speaks of the launcher.
LOCAL_RANK = ('OMPI_COMM_WORLD_LOCAL_RANK', 'MPI_LOCALRANKID',
              'SLURM_LOCALID')


def device_of_rank(device, n_devices, environment=os.environ):
    """Give each local rank one device, in turn.

    Parameters
    ----------
    device : str
        As in the job: `cuda` is any device, `cuda:1` that one.
    n_devices : int
        How many devices this rank sees.
    environment : mapping of str to str

    Returns
    -------
    str
        `device` itself, unless it is `cuda` and there are devices.

    >>> device_of_rank('cuda', 4, {'OMPI_COMM_WORLD_LOCAL_RANK': '5'})
    'cuda:1'
    >>> device_of_rank('cpu', 4, {'OMPI_COMM_WORLD_LOCAL_RANK': '5'})
    'cpu'
    """
    if device != 'cuda' or not n_devices:
        return device
    return f'cuda:{local_rank(environment) % n_devices}'


def local_rank(environment=os.environ):
    """Number of this rank among those of its node, 0 if nobody says it.

    >>> local_rank({'MPI_LOCALRANKID': '3', 'SLURM_LOCALID': '0'})
    3
    """
    for name in LOCAL_RANK:
        if environment.get(name, '').isdigit():
            return int(environment[name])
    return 0


def names():
    """Torch's names of the devices that this rank sees, by number."""
    import torch
    return [torch.cuda.get_device_name(number)
            for number in range(torch.cuda.device_count())]


def identity(device):
    """A text that tells a device of a node from the others, '' of a CPU.

    A rank that is shown one device only calls it cuda:0, as others call
    theirs.
    """
    if device == 'cpu':
        return ''
    import torch
    properties = torch.cuda.get_device_properties(device)
    return str(getattr(properties, 'uuid', device))


def own(device):
    """Tells the device of this rank from the others, '' where there is none.

    Parameters
    ----------
    device : str
        As in the job.
    """
    if device == 'cpu':
        return ''
    import torch
    count = torch.cuda.device_count()
    return identity(device_of_rank(device, count)) if count else ''


def threads():
    """Threads that torch computes with on the CPU."""
    import torch
    return torch.get_num_threads()


def capability():
    """Instruction set that torch has chosen for the CPU."""
    import torch
    return torch.backends.cpu.get_cpu_capability()
