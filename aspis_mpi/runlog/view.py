"""What a run offers in however many files its log lies."""

from aspis_mpi.runlog import schema


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
    def attack(self):
        """What the adversaries do, in words; empty without adversaries."""
        count = self.option('adversary', 'count', 0)
        if not count:
            return ''
        named = (self.option('adversary', 'files'),
                 self.option('adversary', 'value'))
        word = 'adversary' if count == 1 else 'adversaries'
        return f'{count} {word} ({", ".join(filter(None, named))})'
