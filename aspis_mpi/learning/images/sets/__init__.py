"""Sets of images that are known by name."""
