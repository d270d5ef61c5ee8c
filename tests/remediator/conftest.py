"""Hypothesis is kept short here: two cores are shared with tests whose timing matters."""

from hypothesis import settings

settings.register_profile("fleetmend", max_examples=50, deadline=None, derandomize=True)
settings.load_profile("fleetmend")
