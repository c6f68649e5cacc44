"""Orders in which a worker computes its files: one module per order."""
