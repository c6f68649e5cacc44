"""The parameter server's dealing with a step's arrivals."""
