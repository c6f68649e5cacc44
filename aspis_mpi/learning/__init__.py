"""The training itself: problems, models, batches, optimizers, schedules.

Only here may torch be imported, and only inside the functions of the parts
that compute with it: ranks of a numpy problem never load it.
"""
