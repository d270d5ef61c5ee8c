"""What clients send about machines that are there."""

import shlex
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from remediator.api.bodies import CreateMachine, Lenient, Text, wrong
from remediator.api.spans import Span, a_span, seconds_of

LONGEST_LEASE = 24 * 3600
LONGEST_EXEC = 60
LARGEST_STDIN = 256 * 1024
SIGNALS = {
    "SIGHUP": 1, "SIGINT": 2, "SIGQUIT": 3, "SIGILL": 4, "SIGTRAP": 5, "SIGABRT": 6, "SIGFPE": 8, "SIGKILL": 9,
    "SIGUSR1": 10, "SIGSEGV": 11, "SIGUSR2": 12, "SIGPIPE": 13, "SIGALRM": 14, "SIGTERM": 15, "SIGCONT": 18,
    "SIGWINCH": 28,
}  # fmt: skip
_NUMBERS = frozenset(SIGNALS.values())


def a_signal(value: int | str) -> int | str:
    """A signal by name (``SIGTERM``, or ``TERM``) or number."""
    known = value in _NUMBERS if isinstance(value, int) else _full_name(value) in SIGNALS or not value
    if isinstance(value, bool) or not known:
        msg = "is no signal that a machine may be sent"
        raise ValueError(msg)
    return value if isinstance(value, int) or not value else _full_name(value)


def _full_name(value: str) -> str:
    upper = value.upper()
    return upper if upper.startswith("SIG") else f"SIG{upper}"


SignalIn = Annotated[int | Annotated[str, Field(max_length=16)], AfterValidator(a_signal)]


class Launch(CreateMachine):
    """``lease_ttl`` in seconds; what else clients send (secrets, their versions) is somebody else's."""

    lease_ttl: Annotated[int, Field(ge=0, le=LONGEST_LEASE)] | None = None
    skip_service_registration: bool | None = None


class Update(Launch):
    current_version: Annotated[Text, Field(max_length=64)] | None = None


class Stop(Lenient):
    """``timeout`` of "0s" is what clients send for the machine's own."""

    signal: SignalIn | None = None
    timeout: Span | None = None

    def args(self) -> dict[str, object]:
        seconds = seconds_of(self.timeout or 0)
        signal = {"signal": self.signal} if self.signal else {}
        return signal | ({"timeout_s": seconds} if seconds else {})


class Signal(Lenient):
    signal: SignalIn


class Exec(Lenient):
    """``cmd`` is the older form, a line that is taken apart as a shell would. ``timeout`` in seconds."""

    command: Annotated[list[Text], Field(max_length=1024)] | None = None
    cmd: Annotated[Text, Field(max_length=16384)] | None = None
    stdin: Annotated[str, Field(max_length=LARGEST_STDIN)] | None = None
    timeout: Annotated[int, Field(ge=0, le=LONGEST_EXEC)] | None = None

    @model_validator(mode="after")
    def _something(self) -> "Exec":
        if not self.words():
            msg = "command is needed"
            raise ValueError(msg)
        return self

    def words(self) -> list[str]:
        if self.command:
            return self.command
        try:
            return shlex.split(self.cmd or "")
        except ValueError:
            msg = "cmd: a quotation that does not end"
            raise ValueError(msg) from None

    def args(self) -> dict[str, object]:
        return {"command": self.words(), "stdin": self.stdin or "", "timeout_s": float(self.timeout or LONGEST_EXEC)}


class LeaseIn(Lenient):
    ttl: Annotated[int, Field(ge=1, le=LONGEST_LEASE)] | None = None
    description: Annotated[Text, Field(max_length=256)] | None = None


Key = Annotated[Text, Field(min_length=1, max_length=128)]
Value = Annotated[Text, Field(max_length=4096)]


class MetadataValue(Lenient):
    value: Value
    updated_at: Annotated[str, Field(max_length=40)] | None = None


class Metadata(Lenient):
    """What is null is taken away."""

    metadata: Annotated[dict[Key, Value | None], Field(max_length=256)]
    machine_version: Annotated[Text, Field(max_length=64)] | None = None
    updated_at: Annotated[str, Field(max_length=40)] | None = None


def signal_of(text: str) -> str | int:
    """A signal of the query; BadInput for what is none."""
    try:
        return a_signal(int(text) if text.isascii() and text.isdigit() else text)
    except ValueError as error:
        raise wrong(f"signal: {error}") from None


def span_of(text: str) -> float:
    """A span of the query in seconds; BadInput for what is none."""
    try:
        return seconds_of(a_span(text)) if text else 0.0
    except ValueError as error:
        raise wrong(f"timeout: {error}") from None
