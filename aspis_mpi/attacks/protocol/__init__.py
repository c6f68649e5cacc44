"""Lies about reports, payloads and sketches instead of gradients."""
