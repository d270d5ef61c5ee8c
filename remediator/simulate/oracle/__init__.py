"""The judge of judges: what a run's truth says of its acts. It knows nothing of the engine."""
