"""Parts of the user: how they are imported, and what they need."""
