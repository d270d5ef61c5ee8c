"""Key files (Ed25519 for signatures, X25519 for boxes) and the base64 text forms that travel."""

import base64
import binascii
import hashlib
import os
from pathlib import Path

from nacl.public import PrivateKey, PublicKey
from nacl.signing import SigningKey, VerifyKey

from remediator.model.errors import BadInput, PermanentError, Problem

KEY_BYTES = 32
FINGERPRINT_CHARACTERS = 16


def load_signing_key(path: Path) -> SigningKey:
    """The Ed25519 key in that file, made on first use.

    Raises:
        BadInput: the file is not a key, or others than its owner may read it.
    """
    return SigningKey(_load_or_create(path))


def load_box_key(path: Path) -> PrivateKey:
    """The X25519 key in that file, made on first use.

    Raises:
        BadInput: the file is not a key, or others than its owner may read it.
    """
    return PrivateKey(_load_or_create(path))


def key_text(key: PublicKey | VerifyKey) -> str:
    """A public key as base64."""
    return base64.b64encode(bytes(key)).decode()


def parse_box_key(text: str) -> PublicKey:
    """Base64 to an X25519 public key; PermanentError when it is none."""
    return PublicKey(_parse_key(text))


def parse_verify_key(text: str) -> VerifyKey:
    """Base64 to an Ed25519 public key; PermanentError when it is none."""
    return VerifyKey(_parse_key(text))


def fingerprint(key: PublicKey) -> str:
    """What people compare, and join tokens end with: the first 16 hex digits of sha256."""
    return hashlib.sha256(bytes(key)).hexdigest()[:FINGERPRINT_CHARACTERS]


def write_private(path: Path, content: bytes) -> None:
    """Replace a file at once, readable by its owner alone, and on disk when this returns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    _sync_folder(path.parent)


def read_private(path: Path) -> bytes:
    """The file's content, refused when others may read it.

    Raises:
        BadInput: unreadable, or open to group or others.
    """
    try:
        if path.stat().st_mode & 0o077:
            raise BadInput([Problem(str(path), 0, 0, "others may read this secret; give it mode 0600")])
        return path.read_bytes()
    except OSError as error:
        raise BadInput([Problem(str(path), 0, 0, f"cannot be read: {error.strerror}")]) from error


def _load_or_create(path: Path) -> bytes:
    if not path.exists():
        write_private(path, base64.b64encode(os.urandom(KEY_BYTES)) + b"\n")
    try:
        seed = base64.b64decode(read_private(path).strip(), validate=True)
    except binascii.Error as error:
        raise _no_key(path) from error
    if len(seed) != KEY_BYTES:
        raise _no_key(path)
    return seed


def _no_key(path: Path) -> BadInput:
    return BadInput([Problem(str(path), 0, 0, "this is not a key file (32 bytes in base64)")])


def _parse_key(text: str) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise PermanentError("a public key is not base64") from error
    if len(raw) != KEY_BYTES:
        raise PermanentError(f"a public key has {len(raw)} bytes instead of {KEY_BYTES}")
    return raw


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
