"""The parameter server as a state machine, one part a file."""
