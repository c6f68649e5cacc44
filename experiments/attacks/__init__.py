"""Every attack against every defence, on handwritten digits."""
