"""Drivers of the state machines: MPI on a wall clock, or a virtual one."""
