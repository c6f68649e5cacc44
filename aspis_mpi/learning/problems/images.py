"""A module of torch on a set of images."""

from aspis_mpi.learning.adapter.maker import Maker
from aspis_mpi.learning.images.dataset import Images
from aspis_mpi.learning.images.fitted import maker
from aspis_mpi.learning.images.samples import ImageSamples
from aspis_mpi.learning.problems.torch import TorchProblem


class ImageProblem(TorchProblem):
    """A torch module of your own, on a set of images: MNIST, CIFAR and such.

    The images to train on and those held out are in one file, which
    `python -m aspis_mpi prepare` makes of the official files.  Their
    channels have mean 0 and standard deviation 1, over all that is trained
    on.  The other options are those of `torch`.

    Parameters
    ----------
    seed : int
        The seed of the job.
    module : str
        `lenet` or `resnet18`, made for these images; or
        `package.module:factory`, a class or function without arguments that
        makes a new `torch.nn.Module` each time.
    data : str
        The path of a prepared file, or the name of a set that comes with a
        library, `mnist-5k`.
    expect : str, optional
        The set that it must be, for example `cifar10`.
    crop : int
        So many black pixels are put around an image that is trained on, out
        of which a piece of its size is cut, drawn anew in each step.
    flip : bool
        Whether images that are trained on are reflected, left for right,
        every other time, drawn anew in each step.
    norm : str, optional
        Of `resnet18`: `group`, as it is by default, or `batch`, with which a
        gradient depends on `micro_batch`.
    loss, loss_samples, device
        See `TorchProblem`.

    Raises
    ------
    ValueError
        The data are not there, not whole, or another set.
    """

    name = 'images'
    reads = ('data',)

    def __init__(self, seed, *, module: str, data: str,
                 expect: str | None = None, crop: int = 0, flip: bool = False,
                 norm: str | None = None, loss: str = 'cross-entropy',
                 loss_samples: int = 10_000, device: str = 'cpu'):
        self._shown = Images(data, expect=expect, crop=crop, flip=flip)
        super().__init__(
            seed, module=maker(module, self._shown.shape,
                               self._shown.classes, norm),
            train=self._shown, held_out=Images(data, held_out=True), loss=loss,
            loss_samples=loss_samples, device=device)

    @classmethod
    def of(cls, module, data, loss='cross-entropy', *, expect=None, crop=0,
           flip=False, loss_samples=10_000, device='cpu'):
        """Maker of such problems of a caller's own module.

        Parameters
        ----------
        module : callable
            Makes a new module each time: a class, or lambda: Net(...).
        data, expect, crop, flip, loss, loss_samples, device
            As in a job file; `loss` may be a function.

        Returns
        -------
        Maker
        """
        return Maker(cls, module, {
            'data': data, 'expect': expect, 'crop': crop, 'flip': flip,
            'loss': loss, 'loss_samples': loss_samples, 'device': device})

    def _opened(self, key):
        return ImageSamples(self._sources[key], key, self.seed, self._place,
                            self.network.kind)

    @property
    def data_bytes(self):
        """Memory besides the mapped file, whose pages ranks share."""
        return self._shown.images.n_bytes + super().data_bytes
