"""Kinds of delay: the time that workers take for a file."""
