"""Gradient codes: what workers send of finished files, and how it adds up.

The gradient-coding literature says *chunk* where this project says *file*,
and writes l (here `copies`) for the number of parts into which every
gradient is cut: a worker sends one vector of d/l numbers.
"""
