"""Designs: which workers hold which file."""
