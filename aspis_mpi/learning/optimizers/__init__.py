"""Optimizers by name: the server's ways from a gradient to parameters."""
