"""Aggregators: one gradient out of many."""
