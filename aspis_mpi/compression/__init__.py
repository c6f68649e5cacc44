"""Compression: the numbers that travel in the place of float32 gradients."""
