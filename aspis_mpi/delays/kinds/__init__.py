"""Kinds of delay: how long workers take for a file."""
