"""Debian's kernel as ``scripts/fetch-guest-kernel`` has unpacked it: its image, and its modules in loading order."""

import lzma
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

DEPENDS = re.compile(rb"\0depends=([^\0]*)\0")


@dataclass(frozen=True, slots=True)
class Kernel:
    """``modules`` by name, with underscores as the kernel itself writes them."""

    image: Path
    modules: dict[str, Path]

    def order(self, names: Sequence[str]) -> dict[str, bytes]:
        """The modules and what they need, each after what it needs itself; what this kernel lacks is left out."""
        found: dict[str, bytes] = {}
        for name in names:
            self._add(name.replace("-", "_"), found)
        return found

    def _add(self, name: str, found: dict[str, bytes]) -> None:
        if name in found or name not in self.modules:
            return
        module = read_module(self.modules[name])
        for needed in parse_depends(module):
            self._add(needed, found)
        found[name] = module


def find_kernel(folder: Path) -> Kernel | None:
    """None if none was fetched, or not to its end."""
    images = sorted((folder / "boot").glob("vmlinuz-*")) if (folder / "complete").exists() else []
    if not images:
        return None
    paths = (folder / "lib/modules").rglob("*.ko*")
    return Kernel(images[-1], {path.name.partition(".")[0].replace("-", "_"): path for path in paths})


def read_module(path: Path) -> bytes:
    content = path.read_bytes()
    return lzma.decompress(content) if path.suffix == ".xz" else content


def parse_depends(module: bytes) -> Iterator[str]:
    found = DEPENDS.search(module)
    names = found.group(1).decode().split(",") if found else []
    return (name.replace("-", "_") for name in names if name)
