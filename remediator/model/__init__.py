"""The frozen nouns, and the tables of allowed edges. Values do not change: a change is a new value."""
