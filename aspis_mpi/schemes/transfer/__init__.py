"""Transfers: what travels from the workers to the parameter server."""
