"""Belief: evidence, rules, verdicts."""
