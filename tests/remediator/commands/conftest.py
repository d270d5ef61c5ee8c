"""A port on which nobody listens."""

import pytest

from scripts.story.ports import free_port


@pytest.fixture
def unused_port() -> int:
    return free_port()
