"""The run log: one HDF5 file that holds what a run did, row by row.

`schema` defines every data set once, `writer` is rank 0's alone, `reader`
opens a log also while it grows or after its writer was killed, `summary`
tells a run at a glance.  A run that came back with other workers has several
logs, which `parts` finds and `joined` joins.  `checkpoints` are what it goes
on from, beside the log.
"""
