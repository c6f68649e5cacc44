"""Kinds of compression: what travels of a file's gradient."""
