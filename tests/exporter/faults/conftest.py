"""Sick hosts for tests; where they cannot be had, the tests are skipped with what is missing."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.exporter.faults.lab import SickDisk, SickHost, missing_programs, running_host


@pytest.fixture
def sick_host(tmp_path: Path) -> Iterator[SickHost]:
    """A host of its own, gone at the end with all its mounts and processes."""
    if os.geteuid() != 0:
        pytest.skip("NEEDS ROOT: namespaces, mounts and loop devices")
    if missing := missing_programs():
        pytest.skip(f"NOT INSTALLED: {', '.join(missing)}")
    with running_host(tmp_path) as host:
        yield host


@pytest.fixture
def sick_disk(sick_host: SickHost) -> Iterator[SickDisk]:
    """Healthy, with a file of eight megabytes on it; never left hanging."""
    disk = SickDisk(sick_host)
    disk.write(megabytes=8)
    yield disk
    disk.hang(hanging=False)
