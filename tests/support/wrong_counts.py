"""Wrong files of 455 that published rules let through: K = 15, r = 3."""

#: The bound C(2q, 3)/2 for q = 2 ... 7.
BOUND = (2, 10, 28, 60, 110, 182)
#: What `clique` lets through under each attack.
PUBLISHED = {
    'fixed-disagreement': BOUND,
    'all': (0,) * 6,
    'majorities': (0,) * 6,
    'framing': (1, 10, 34, 80, 155, 266),
    'sacrifice': (1, 15, 40, 74, 115, 161),
    'quiet': (0, 1, 4, 10, 20, 35),
}
