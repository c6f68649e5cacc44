"""In which order each worker computes its files: one module per order."""
