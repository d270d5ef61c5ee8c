"""The whole exposition of the fixture tree: names, labels, types, help and values, as committed.

After a wanted change: ``python -m tests.exporter.test_exporter_golden`` writes it anew; read the difference.
"""

from pathlib import Path

import pytest

from exporter.clock import FakeClock
from exporter.errors import NoData
from exporter.kit import Kit
from exporter.places import Places
from exporter.render import render_text
from exporter.table import DISK, HOST, build_collectors
from tests.exporter.fixture_page import TREE, read_fixture_page

GOLDEN = TREE / "golden.prom"


def expose() -> str:
    """Paths as if the tree were a host's own."""
    return render_text(read_fixture_page()).decode().replace(str(TREE), "")


def test_exposition_of_the_fixture_tree() -> None:
    assert expose() == GOLDEN.read_text()


@pytest.mark.parametrize(
    ("collector", "error"),
    [("cpu", OSError), ("pressure", NoData), ("netdev", OSError), ("diskstats", OSError), ("filesystem", OSError)],
)
def test_an_empty_tree_is_an_expected_error(collector: str, error: type[Exception], tmp_path: Path) -> None:
    places = Places(tmp_path, tmp_path, tmp_path, tmp_path)
    table = {one.name: one for one in build_collectors((*HOST, *DISK), Kit(places, FakeClock()))}
    with pytest.raises(error, match=r"No such file"):
        list(table[collector].read())


if __name__ == "__main__":
    GOLDEN.write_text(expose())
