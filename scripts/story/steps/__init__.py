"""One file a step of the story."""
