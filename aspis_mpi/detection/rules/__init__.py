"""Rules: whom to believe, given who agrees with whom."""
