"""Modules of torch as problems: flat vectors, data, losses, equal bits."""
