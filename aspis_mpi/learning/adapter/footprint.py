"""Memory that a module needs while it computes with some samples."""

from typing import NamedTuple

from aspis_mpi.learning.adapter import making

#: Tensors of the largest one's size while a layer computes: what goes in and
#: comes out, both again as the kernel wants them, and a way around it.
AT_A_LAYER = 6


class Footprint(NamedTuple):
    """Bytes for each sample that is computed at once.

    Attributes
    ----------
    kept : int
        Of the tensors that a forward leaves for its backward.
    widest : int
        Of the largest of them.
    """

    kept: int
    widest: int

    @property
    def of_gradient(self):
        """While a gradient is computed."""
        return self.kept + AT_A_LAYER * self.widest

    @property
    def of_outputs(self):
        """While the module is evaluated, where nothing is kept."""
        return AT_A_LAYER * self.widest


#: Of a module that cannot be watched.
UNKNOWN = Footprint(0, 0)


def footprint(network, count, inputs, targets):
    """Measure a forward, whatever the parameters are.

    Parameters
    ----------
    network : Network
    count : int
        Samples.
    inputs, targets
        Of these, on the device.

    Returns
    -------
    Footprint

    Notes
    -----
    What autograd keeps is counted once for each piece of memory, without
    the parameters and buffers, which are there anyway.
    """
    import torch
    from torch.autograd.graph import saved_tensors_hooks
    own = {_place(it) for it in making.tensors(network.module).values()}
    seen = {}

    def pack(tensor):
        if tensor.layout == torch.strided and _place(tensor) not in own:
            seen[_place(tensor)] = tensor.untyped_storage().nbytes()
        return tensor
    with saved_tensors_hooks(pack, lambda tensor: tensor):
        network.total(inputs, targets)
    return Footprint(-(-sum(seen.values()) // count),
                     -(-max(seen.values(), default=0) // count))


def _place(tensor):
    """Address of the memory of a tensor."""
    return tensor.untyped_storage().data_ptr()

