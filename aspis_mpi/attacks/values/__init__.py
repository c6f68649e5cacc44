"""Values that a lying worker sends in place of a file's gradient."""
