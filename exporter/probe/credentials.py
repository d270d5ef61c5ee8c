"""Who we are to BMCs: a file that only its owner may read, looked at anew each time."""

import os
import stat
from pathlib import Path

import msgspec
import yaml

DEFAULT = "default"


class Login(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One BMC's; what is None is as its module says."""

    username: str
    password: str
    insecure_skip_verify: bool | None = None
    ca_file: str = ""

    def __repr__(self) -> str:
        return f"Login({self.username!r})"


def read_logins(path: Path) -> dict[str, Login]:
    """By target as listed, or ``default``. Raises ValueError, with words that hold no secret, or OSError."""
    with path.open("rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        if stat.S_IMODE(mode) & 0o077:
            raise ValueError(f"{path}: others may read it: its mode must be 0600")
        raw = file.read()
    try:
        return msgspec.convert(yaml.load(raw, Loader=yaml.CSafeLoader), dict[str, Login])
    except yaml.YAMLError:
        # What YAML says of the place would quote the line.
        raise ValueError(f"{path}: it is not valid YAML") from None
    except msgspec.ValidationError as error:
        raise ValueError(f"{path}: {error}") from None


def find_login(path: Path, target: str, *, default: bool) -> Login:
    """The target's own, or the one for all if ``default``. Raises as read_logins does."""
    logins = read_logins(path)
    found = logins.get(target) or (logins.get(DEFAULT) if default else None)
    if found is None:
        raise ValueError(f"{path}: {target} is not in it")
    return found
