"""The only MPI."""
