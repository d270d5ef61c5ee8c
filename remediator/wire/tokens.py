"""The secrets of the API's tokens: how they are made, and what is kept of them."""

import hashlib
import secrets

# So that people, and scanners of repositories, know one when they see it.
PREFIX = "fleetmend_"


def new_secret() -> str:
    """256 random bits."""
    return PREFIX + secrets.token_urlsafe(32)


def digest_of(secret: str) -> str:
    """SHA-256 in hex: no slow hash is needed where nobody can guess."""
    return hashlib.sha256(secret.encode(errors="surrogateescape")).hexdigest()
