"""Assignments of files to workers: incidence matrices, orders of computing.

Aspis assigns each *file* of a batch to r workers (arXiv 2108.02416, section
3); the gradient-coding literature calls a file a chunk.
"""
