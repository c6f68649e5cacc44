"""Partial stragglers: closed forms, simulated runs and real ranks."""
