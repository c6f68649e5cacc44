"""The arrivals of a step, as each kind of transfer keeps them."""
