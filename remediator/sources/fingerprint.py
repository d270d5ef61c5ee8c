"""The name of a label set, the same as Alertmanager's."""

from collections.abc import Mapping

_OFFSET = 0xCBF29CE484222325
_PRIME = 0x100000001B3
_MASK = 0xFFFFFFFFFFFFFFFF


def fnv1a(octets: bytes) -> int:
    """FNV-1a, 64 bits."""
    value = _OFFSET
    for octet in octets:
        value = ((value ^ octet) * _PRIME) & _MASK
    return value


def fingerprint(labels: Mapping[str, str]) -> str:
    """Sixteen hex digits over the sorted names and values, each ended by 0xFF."""
    parts = (part.encode() + b"\xff" for name in sorted(labels) for part in (name, labels[name]))
    return f"{fnv1a(b''.join(parts)):016x}"
