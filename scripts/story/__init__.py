"""The demo: a fleet of real processes, the faults of its story, and what was seen of them."""
