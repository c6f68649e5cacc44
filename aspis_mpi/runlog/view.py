"""View of a run, in however many files its log lies."""

from aspis_mpi.runlog import schema

#: Bytes of unpacked truth, and of arrivals, that are looked at in one go.
WINDOW = 1 << 24


class View:
    """Base of `Run` and `JoinedRun`: arrays by name, and the job in words.

    They have a `config`, and the methods `read` and `close`.
    """

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __getattr__(self, name):
        if name in schema.ROWS:
            return self.read(name)
        raise AttributeError(f'a run has no {name}')

    def __dir__(self):
        return [*super().__dir__(), *schema.ROWS]

    def option(self, section, key, default=None):
        """One value of the job, `default` where the job has none."""
        return self.config.get(section, {}).get(key, default)

    @property
    def lied(self):
        """Workers that lied in each step, on a file or a payload, (T, K).

        An adversary need not; lies about sketches and reports alone are not
        in the truth.
        """
        lied = self.read('payload_lies')
        span = max(1, WINDOW // (self.n_files * self.n_workers))
        for start in range(0, self.n_steps, span):
            steps = slice(start, start + span)
            lied[steps] |= self.read('lies', steps).any(axis=1)
        return lied

    @property
    def attack(self):
        """Attack of the adversaries, in words; empty without adversaries."""
        count = self.option('adversary', 'count', 0)
        if not count:
            return ''
        named = [self.option('adversary', key)
                 for key in ('files', 'value', 'protocol')]
        if named[-1] == 'none':
            named.pop()
        word = 'adversary' if count == 1 else 'adversaries'
        return f'{count} {word} ({", ".join(filter(None, named))})'
