"""Spot checks: what the server does with sums that are seldom looked at."""
