"""Blocks of balanced designs: one construction in each module."""
