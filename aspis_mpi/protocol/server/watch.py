"""Workers that are waited for in one step, since when and until when."""

import numpy as np


class Watch:
    """Requests of one step, and workers that were not waited for any longer.

    Parameters
    ----------
    gathering : Gathering
    tally : Tally
    wait : Wait
    started : float
        Seconds, when the step began.

    Attributes
    ----------
    awaited : ndarray of bool, shape (K,)
        Who owes the vector or sketches that were asked for at second `asked`
        in epoch `asked_in`.
    late, silent : ndarray of bool, shape (K,)
        Who is not waited for any longer; who was given up for the step.
    ever_late : ndarray of bool, shape (K,)
        Who was not waited for any longer at some time of the step.
    resumed : float
        Since when files are being computed.
    skipped : ndarray of bool, shape (f,), or None
        Files that may be left out, once anything was said of them.
    """

    def __init__(self, gathering, tally, wait, started):
        n_files, n_workers = gathering.finished.shape
        self.awaited = np.zeros(n_workers, dtype=bool)
        self.late, self.silent = self.awaited.copy(), self.awaited.copy()
        self.ever_late = self.awaited.copy()
        self.asked = np.full(n_workers, np.nan)
        self.asked_in = np.full(n_workers, -1)
        self.resumed = started
        self.skipped = None
        # Since when each worker has something to do again.
        self._called = np.full(n_workers, -np.inf)
        # When each file was finished often enough.
        self._enough = np.full(n_files, np.nan)
        self._gathering = gathering
        self._tally = tally
        self._wait = wait
        self._started = started

    @property
    def waits(self):
        """True while anybody owes what was asked for."""
        return np.count_nonzero(self.awaited) > 0

    def ask(self, workers, epoch, now):
        """These are asked for a vector or for sketches, bool (K,)."""
        self.asked[workers], self.asked_in[workers] = now, epoch

    def excuse(self, workers):
        """Some workers are not waited for any longer."""
        self.late[workers] = self.ever_late[workers] = True

    def renew(self, workers):
        """Some are to answer something else, late as they may have been."""
        self.late[workers] = False

    def settle(self, workers):
        """Some workers owe nothing that was asked for any more."""
        self.awaited[workers] = False

    def skip(self, files, may):
        """Some files may be left out from now on, or not any more."""
        if self.skipped is None:
            self.skipped = np.zeros(self._enough.size, dtype=bool)
        self.skipped[files] = may

    def call(self, workers, now):
        """Some workers have something to do again."""
        self._called[workers] = now

    def suffice(self, files, now):
        """Some files have been finished often enough."""
        self._enough[files] = now

    @property
    def wanting(self):
        """Workers that could finish files that are wanted, bool (K,)."""
        unwanted = None
        if self.skipped is not None:
            unwanted = self._gathering.finished | self.skipped[:, None]
        return self._gathering.living & self._tally.wanting(unwanted)

    def _waited(self, computing):
        """Workers that are waited for, bool (K,)."""
        if not computing:
            return self.awaited
        gathering, wanting = self._gathering, self.wanting
        if self.late.any():
            wanting &= (gathering.counting & ~gathering.finished).any(axis=0)
        return self.awaited | wanting

    # -- until when

    @property
    def expires(self):
        """The second at which the collection's time is over."""
        if self._gathering.expired:
            return np.inf
        return self._started + self._gathering.seconds

    def next(self, owed, computing, silence):
        """The first second at which somebody may be silent or late.

        Parameters
        ----------
        owed : Owed
            What is asked for now.
        computing : bool
            Whether files are waited for.
        silence : float
            Seconds until a worker is silent.
        """
        waited = self._waited(computing)
        since = self._since()[waited].min(initial=np.inf)
        late = self._late_from(owed, computing, waited)
        return min(since + silence, late.min(initial=np.inf))

    def overdue(self, computing, now, silence):
        """Workers waited for and not heard for so long, bool (K,)."""
        return self._waited(computing) & (now >= self._since() + silence)

    def tardy(self, owed, computing, now):
        """Workers that are late from now on, bool (K,)."""
        return now >= self._late_from(owed, computing,
                                      self._waited(computing))

    def _since(self):
        """From when on each worker owes what is waited for, (K,)."""
        heard = np.maximum(self._tally.heard(), self.resumed)
        return np.where(self.awaited, self.asked,
                        np.maximum(heard, self._called))

    def _late_from(self, owed, computing, waited):
        """From when on each worker is late; infinite if it is not."""
        wait, gathering = self._wait, self._gathering
        if not (wait.paced or np.isfinite(gathering.seconds)):
            return np.full(waited.shape, np.inf)
        # A deadline holds for what is asked for, too.
        due = np.minimum(wait.answers_due(owed),
                         self.asked + gathering.seconds)
        if computing:
            due = np.where(self.awaited, due, wait.files_due(
                gathering.waits_for_all, self.resumed))
        return np.where(waited & ~self.late, due, np.inf)

    def count_files(self, now):
        """See until when a file of each worker was waited for.

        Until others had finished it often enough, or the worker had.
        """
        if self._wait.counted:
            return
        if not self._wait.matters:
            self._wait.counted = True
            return
        order, held = self._tally.places
        finished = self._gathering.finished[
            order, np.arange(len(order))[:, None]]
        enough = np.where(np.isnan(self._enough), now, self._enough)[order]
        others, own = (
            np.where(mask, enough, -np.inf).max(axis=1, initial=-np.inf)
            for mask in (held & ~finished, held & finished))
        self._wait.count_files(np.maximum(
            others, np.minimum(own, self._tally.heard())))
