"""The gradient of one file, one micro-batch after the other."""


class Task:
    """What a worker computes between two looks at its messages.

    Parameters
    ----------
    problem : Problem
    parameters : ndarray of float32, shape (d,)
    samples : ndarray of int
    buffer : Buffer
        Receives the sum of the samples' gradients, unless it is filled.
    """

    def __init__(self, problem, parameters, samples, buffer):
        self.buffer = buffer
        self._problem = problem
        self._parameters = parameters
        self._samples = samples
        self._done = len(samples) if buffer.filled else 0
        if not buffer.filled:
            buffer.values.fill(0)

    @property
    def finished(self):
        """Whether the gradient is complete."""
        return self._done >= len(self._samples)

    def compute(self, micro_batch):
        """Add the gradient of the next samples."""
        if self.finished:
            return
        part = self._samples[self._done:self._done + micro_batch]
        self._problem.gradient(self._parameters, part, self.buffer.values)
        self._done += len(part)

    def close(self):
        """The buffer to send."""
        self.buffer.filled = True
        return self.buffer

    def release(self):
        """Give up: the buffer was not sent."""
        self.buffer.release()
