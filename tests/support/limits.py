"""The time limit of what tests start: against what hangs, nothing else."""

#: Seconds, many times what the longest takes: a busy machine is no mistake.
HANGS = 240.0
