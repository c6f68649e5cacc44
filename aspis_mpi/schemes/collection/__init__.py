"""Ends of the wait for a step's files, by name."""
