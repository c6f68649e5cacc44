"""Samples whose labels are flipped, for attacks that want them."""


class FlippedSamples:
    """The same inputs, with the label C - 1 - y in the place of y.

    What is no class, such as a label that a loss leaves out, stays.

    Parameters
    ----------
    samples : Samples
    classes : int
        C.
    """

    def __init__(self, samples, classes):
        self._samples = samples
        self._classes = classes

    @property
    def draws(self):
        """See `Samples.draws`."""
        return self._samples.draws

    def batch(self, samples, step=None):
        """See `Samples.batch`."""
        inputs, labels = self._samples.batch(samples, step)
        labels = labels.long()
        known = (labels >= 0) & (labels < self._classes)
        return inputs, labels.where(~known, self._classes - 1 - labels)


def classes(outputs, targets):
    """Number of classes C that targets are labels of; None if of none.

    Parameters
    ----------
    outputs : object
        Of the module for some samples; of shape (n, C, ...) where there are
        classes.
    targets : object
        Of the same samples.
    """
    import torch
    if not (isinstance(outputs, torch.Tensor) and outputs.ndim > 1
            and isinstance(targets, torch.Tensor)
            and not targets.is_floating_point() and outputs.shape[1] > 1):
        return None
    # One label a sample, or one a place of it.
    labels = outputs.shape[:1] + outputs.shape[2:]
    return outputs.shape[1] if targets.shape == labels else None
