"""Liars, slow and dead workers in one run."""
