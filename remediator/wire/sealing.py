"""Machine configs closed for one reader, their digests, and the envelopes that agents sign."""

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass, replace
from typing import Any

from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, PublicKey, SealedBox
from nacl.signing import SigningKey, VerifyKey

from remediator.model.errors import PermanentError
from remediator.model.machine import Sealed
from remediator.wire.keys import fingerprint

Config = dict[str, Any]
# The only field of a box that is closed to see whether it opens.
PROBE = "fleetmend_probe"


@dataclass(frozen=True, slots=True)
class Readers:
    """Who can open a sealed config: the unsealer, and whoever has the offline key, where there is one."""

    online: PublicKey
    recovery: PublicKey | None = None


def canonical(value: object) -> bytes:
    """JSON with one form for one value: sorted keys, no spaces, UTF-8."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def digest(config: Config) -> str:
    """sha256 of the canonical form, in hex."""
    return hashlib.sha256(canonical(config)).hexdigest()


def seal_config(config: Config, to: PublicKey) -> str:
    """A config that only the holder of that key can read, as base64 of a libsodium sealed box."""
    return base64.b64encode(SealedBox(to).encrypt(canonical(config))).decode()


def open_config(box: str, private: PrivateKey) -> Config:
    """The config in a box.

    Raises:
        PermanentError: closed for another key, or damaged.
    """
    try:
        opened = json.loads(SealedBox(private).decrypt(base64.b64decode(box, validate=True)))
    except (CryptoError, binascii.Error, ValueError, TypeError) as error:
        raise PermanentError("the sealed config does not open with this key") from error
    if not isinstance(opened, dict):
        raise PermanentError("the sealed config is no JSON object")
    return opened


def statement(sealed: Sealed) -> bytes:
    """The bytes an envelope's signature covers."""
    parts = [sealed.machine, sealed.instance_id, sealed.host, sealed.epoch, sealed.digest]
    return b"fleetmend envelope 1\n" + canonical(parts)


def envelope(
    config: Config, *, machine: str, instance_id: str, host: str, epoch: int, to: Readers, signer: SigningKey
) -> Sealed:
    """The full config closed for each reader, with its agent's signature on what it belongs to."""
    bare = Sealed(machine, instance_id, host, epoch, digest(config), seal_config(config, to.online), "")
    signature = base64.b64encode(signer.sign(statement(bare)).signature).decode()
    whole = replace(bare, signature=signature, key=fingerprint(to.online))
    if to.recovery is None:
        return whole
    return replace(whole, recovery=seal_config(config, to.recovery), recovery_key=fingerprint(to.recovery))


def sealed_for(sealed: Sealed | None, to: Readers) -> bool:
    """Whether a copy opens with the keys of these readers, all of them."""
    recovery = fingerprint(to.recovery) if to.recovery else ""
    return sealed is not None and (sealed.key, sealed.recovery_key) == (fingerprint(to.online), recovery)


def check_envelope(sealed: Sealed, verify_key: VerifyKey) -> None:
    """Nothing when that key signed the envelope.

    Raises:
        PermanentError: it did not.
    """
    try:
        verify_key.verify(statement(sealed), base64.b64decode(sealed.signature, validate=True))
    except (CryptoError, binascii.Error, ValueError, TypeError) as error:
        raise PermanentError(f"the envelope of machine {sealed.machine} is not signed by its host's agent") from error
