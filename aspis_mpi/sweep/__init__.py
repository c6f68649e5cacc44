"""Sweeps: the runs of a grid of settings, each done once, in one folder."""
