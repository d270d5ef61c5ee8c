"""The stories of `tests/scenarios`, played on real processes: the same file, the same faults, the same words."""
