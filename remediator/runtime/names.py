"""Names for new things, made from what they are for: the same wish at the same moment has the same name."""

import base64
import hashlib


def machine_id(seed: str) -> str:
    """Fourteen hex digits, as the Machines API has them."""
    return hashlib.blake2b(seed.encode(), digest_size=7).hexdigest()


def instance_id(seed: str) -> str:
    """Twenty-six characters; a new one for each configuration."""
    digest = hashlib.blake2b(seed.encode(), digest_size=16).digest()
    return base64.b32encode(digest).decode().rstrip("=")[:26]


def volume_id(seed: str) -> str:
    return f"vol_{hashlib.blake2b(seed.encode(), digest_size=8).hexdigest()}"


def snapshot_id(seed: str) -> str:
    return f"vs_{hashlib.blake2b(seed.encode(), digest_size=8).hexdigest()}"
