"""Codes: the weights with which files enter what a worker sends."""
