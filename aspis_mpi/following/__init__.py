"""A run's log, followed in a terminal while it grows.

`reading` reads what is new and keeps facts of bounded size, `telling` and
`plainly` make lines of them, `screen` prints these, `loop` does so until the
run is over.
"""
