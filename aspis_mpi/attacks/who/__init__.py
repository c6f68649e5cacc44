"""Choices of the adversaries, step by step."""
