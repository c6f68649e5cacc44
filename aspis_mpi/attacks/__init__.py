"""Attacks: the adversaries, the files on which they lie, and what they say.

Everything here runs on the workers' side.  Each part is a pure function of
its arguments and the job's seed, so that every rank knows the same plan
without a message.  The parameter server never sees any of it.
"""
