"""Exit codes of runs and commands; batch scripts rely on them."""

#: Of the last, `EX_TEMPFAIL`, that the run is to go on later.
DONE, BAD_JOB, FAILED, INTERRUPTED = 0, 2, 3, 75
