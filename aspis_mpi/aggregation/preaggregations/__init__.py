"""Pre-aggregations: what becomes of the files before a rule sees them."""
