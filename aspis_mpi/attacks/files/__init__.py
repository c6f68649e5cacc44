"""Choices of the files on which each adversary lies.

`all`, `fixed-disagreement` and `majorities` are ATT-1, ATT-2 and ATT-3 of
Aspis and Aspis+ (arXiv 2108.02416, 2208.08085); the others look for what a
rule of detection leaves open.
"""
