"""Spot checks: their odds, draws and screens, and how far a run goes back."""
