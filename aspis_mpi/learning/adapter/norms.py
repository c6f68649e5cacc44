"""Running statistics of batch norm: never gathered, set again when needed."""


class Norms:
    """The layers of a module that gather statistics of what they see.

    While training they normalise by their own micro-batch and gather
    nothing.  Before the module is evaluated or exported they are `set` from
    a sample that is always the same, so that it depends on the parameters
    alone.  Layers that the factory has put into evaluation keep theirs.

    Parameters
    ----------
    module : torch.nn.Module
        In training.

    Attributes
    ----------
    names : list of str
        Of their buffers.
    """

    def __init__(self, module):
        from torch.nn.modules.batchnorm import _BatchNorm
        found = [(name, layer) for name, layer in module.named_modules()
                 if isinstance(layer, _BatchNorm) and layer.training
                 and layer.track_running_stats]
        self._layers = [layer for _, layer in found]
        self.names = [f'{name}.{key}'.lstrip('.') for name, layer in found
                      for key, _ in layer.named_buffers(recurse=False)]
        self._momenta = [layer.momentum for layer in self._layers]
        self._gather(False)

    def __bool__(self):
        return bool(self._layers)

    def set(self, pass_through):
        """Gather the statistics of what passes through, and nothing else.

        Parameters
        ----------
        pass_through : callable
            Lets a sample pass through the module in training.
        """
        self._gather(True)
        for layer in self._layers:
            layer.reset_running_stats()
            # Every batch counts the same.
            layer.momentum = None
        try:
            pass_through()
        finally:
            self._gather(False)
            for layer, momentum in zip(self._layers, self._momenta):
                layer.momentum = momentum

    def _gather(self, gathers):
        for layer in self._layers:
            layer.track_running_stats = gathers
