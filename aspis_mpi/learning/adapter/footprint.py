"""Memory that a module needs while it computes with some samples."""

from typing import NamedTuple

from aspis_mpi.learning.adapter import making

#: Tensors of the largest one's size while a layer computes: what goes in and
#: comes out, both again as the kernel wants them, and a way around it.
AT_A_LAYER = 5
#: Times that a module's tensors are there again while it is evaluated: as
#: kernels want them, in pieces that the C library cannot use for others.
AGAIN = 2


class Footprint(NamedTuple):
    """Bytes that computing needs.

    Attributes
    ----------
    kept : int
        Of the tensors that a forward leaves for its backward, a sample.
    widest : int
        Of the largest of them, a sample.
    weights : int
        Of the module's own tensors.
    """

    kept: int
    widest: int
    weights: int

    def of_gradient(self, count):
        """While a gradient of so many samples is computed."""
        return count * (self.kept + AT_A_LAYER * self.widest) + self.weights

    def of_outputs(self, count):
        """While so many are evaluated, of which nothing is kept."""
        return count * AT_A_LAYER * self.widest + AGAIN * self.weights

    def within(self, most):
        """Samples that are evaluated at once in so many bytes, at least 1."""
        return max(1, most // max(1, AT_A_LAYER * self.widest))


#: Of a module that cannot be watched.
UNKNOWN = Footprint(0, 0, 0)


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
    tensors = making.tensors(network.module).values()
    own = {_place(it) for it in tensors}
    seen = {}

    def pack(tensor):
        if tensor.layout == torch.strided and _place(tensor) not in own:
            seen[_place(tensor)] = tensor.untyped_storage().nbytes()
        return tensor
    with saved_tensors_hooks(pack, lambda tensor: tensor):
        network.total(inputs, targets)
    return Footprint(-(-sum(seen.values()) // count),
                     -(-max(seen.values(), default=0) // count),
                     sum(it.nbytes for it in tensors))


def _place(tensor):
    """Address of the memory of a tensor."""
    return tensor.untyped_storage().data_ptr()

