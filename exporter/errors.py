"""Errors by what is done about them: no data, or wrong flags and places."""


class NoData(Exception):
    """The host has no such thing (no PSI in this kernel, no block device): not a failure."""


class BadStart(Exception):
    """A flag, path or listener that cannot work; its text is one line for people, and the exit code is 2."""
