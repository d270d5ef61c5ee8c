"""Writing beneath a directory that a tenant owns: no path and no link of theirs leads out of it."""

import base64
import binascii
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from remediator.model.errors import PermanentError

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FRESH = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
DEFAULT_MODE = 0o644


@dataclass(frozen=True, slots=True)
class GuestFile:
    """One of a config's ``files``: where it belongs beneath the machine's directory, and its bytes."""

    parts: tuple[str, ...]
    content: bytes
    mode: int = DEFAULT_MODE


def parse_guest_path(path: object) -> tuple[str, ...]:
    """``/app/x`` to ``("app", "x")``.

    Raises:
        PermanentError: empty, or with ``..`` in it.
    """
    parts = tuple(part for part in str(path or "").split("/") if part not in ("", "."))
    if not parts or ".." in parts or any("\0" in part for part in parts):
        raise PermanentError(f"the path {str(path)!r} does not stay beneath the machine's directory")
    return parts


def parse_files(config: dict[str, Any]) -> list[GuestFile]:
    """The config's files; the errors name paths, never contents."""
    return [_parse_file(entry) for entry in config.get("files") or []]


def _parse_file(entry: dict[str, Any]) -> GuestFile:
    parts = parse_guest_path(entry.get("guest_path"))
    try:
        content = base64.b64decode(entry.get("raw_value") or "", validate=True)
    except (binascii.Error, ValueError, TypeError):
        raise PermanentError(f"the content of file /{'/'.join(parts)} is not base64") from None
    return GuestFile(parts, content, int(entry.get("mode") or DEFAULT_MODE) & 0o777)


def write_beneath(root: Path, file: GuestFile, uid: int) -> None:
    """Write one file for its machine's uid, making folders on the way.

    Raises:
        PermanentError: a link or a thing that is no folder stands in its way, or the disk is full.
    """
    with _folder_of(root, file.parts, uid) as folder:
        name = file.parts[-1]
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=folder)
        handle = os.open(name, _FRESH, 0o600, dir_fd=folder)
        with os.fdopen(handle, "wb") as written:
            written.write(file.content)
            os.fchmod(handle, file.mode)
            _give(handle, uid)


def link_beneath(root: Path, parts: tuple[str, ...], target: Path, uid: int) -> None:
    """Make a path beneath ``root`` lead to ``target``: that is how a volume is mounted.

    Raises:
        PermanentError: something else stands there already.
    """
    with _folder_of(root, parts, uid) as folder:
        with suppress(FileNotFoundError, NotADirectoryError):
            os.rmdir(parts[-1], dir_fd=folder)
        with suppress(FileNotFoundError):
            os.unlink(parts[-1], dir_fd=folder)
        # Relative, so that it can be walked also where folders above ours are closed to others.
        up = os.path.relpath(target, root.joinpath(*parts[:-1]))
        os.symlink(up, parts[-1], dir_fd=folder)


@contextmanager
def _folder_of(root: Path, parts: tuple[str, ...], uid: int) -> Iterator[int]:
    handle = os.open(root, _FOLDER)
    try:
        for part in parts[:-1]:
            handle = _step_into(handle, part, uid)
        yield handle
    except OSError as error:
        raise PermanentError(f"/{'/'.join(parts)} cannot be written: {error.strerror}") from None
    finally:
        os.close(handle)


def _step_into(folder: int, name: str, uid: int) -> int:
    made = False
    with suppress(FileExistsError):
        os.mkdir(name, 0o755, dir_fd=folder)
        made = True
    inner = os.open(name, _FOLDER, dir_fd=folder)
    os.close(folder)
    if made:
        _give(inner, uid)
    return inner


def _give(handle: int, uid: int) -> None:
    if uid != os.geteuid():
        os.fchown(handle, uid, uid)
