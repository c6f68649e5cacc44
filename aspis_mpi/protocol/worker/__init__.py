"""A worker as a state machine, one part a file."""
