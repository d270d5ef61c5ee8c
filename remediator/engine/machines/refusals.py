"""Requests that are refused on purpose, with what a client needs to do better."""

from dataclasses import dataclass

from remediator.model.errors import FleetmendError


@dataclass(frozen=True, slots=True)
class Terms:
    """An HTTP status, the API's own code, and when trying again makes sense (seconds, 0 for never)."""

    status: int
    code: str = ""
    retry_after: int = 0


class Refused(FleetmendError):
    """A clear no: nothing was changed."""

    def __init__(self, text: str, terms: Terms) -> None:
        super().__init__(text)
        self.terms = terms


def not_found(what: str) -> Refused:
    return Refused(f"not_found: {what} not found", Terms(404))


def precondition(text: str, retry_after: int = 0) -> Refused:
    return Refused(f"failed_precondition: {text}", Terms(412, "", retry_after))


def no_room(text: str) -> Refused:
    return Refused(f"aborted: could not reserve resource for machine: {text}", Terms(409, "insufficient_capacity", 1))
