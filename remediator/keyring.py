"""Everything secret that the remediator holds, each in a file of its own, mode 0600."""

import secrets
from dataclasses import dataclass
from pathlib import Path

from nacl.public import PrivateKey
from nacl.signing import SigningKey

from remediator.wire.keys import load_box_key, load_signing_key, read_private, write_private


@dataclass(frozen=True, slots=True)
class Keys:
    """Who we are to agents, what operators show us, and what join tokens are derived from."""

    box: PrivateKey
    signing: SigningKey
    operator: SigningKey
    operator_token: str
    join_secret: bytes


def load_keys(data: Path) -> Keys:
    """Read the keys, making them on first start.

    Raises:
        BadInput: a key file is damaged, or others may read it.
    """
    return Keys(
        load_box_key(data / "box.key"),
        load_signing_key(data / "signing.key"),
        load_signing_key(data / "operator.key"),
        _secret(data / "operator.token").decode(),
        _secret(data / "join.secret"),
    )


def _secret(path: Path) -> bytes:
    if not path.exists():
        write_private(path, secrets.token_urlsafe(32).encode())
    return read_private(path).strip()
