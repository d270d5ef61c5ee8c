"""How long ago something was, in the largest whole unit; and tables as other clients print them."""

from datetime import timedelta

import pytest

from remediator.commands import volumes
from remediator.commands.tables import Listing, ago, plain
from tests.remediator.builders import NOON


@pytest.mark.parametrize(
    ("span", "told"),
    [
        (timedelta(), "just now"),
        (timedelta(seconds=1), "1 second ago"),
        (timedelta(minutes=59, seconds=59), "59 minutes ago"),
        (timedelta(hours=17), "17 hours ago"),
        (timedelta(days=1, hours=23), "1 day ago"),
        (timedelta(days=400), "1 year ago"),
    ],
)
def test_a_moment_is_told_by_its_age(span: timedelta, told: str) -> None:
    assert ago((NOON - span).isoformat(), NOON) == told


def test_no_moment_is_nothing() -> None:
    assert ago(None, NOON) == ""


def test_volumes_and_snapshots_stand_as_other_clients_print_them() -> None:
    # The words and the columns are those of the announcement that these lists were made after.
    lost = ["vol_jo4v4mv88keymd0n*", "created", "data", "10GB", "iad", "0002", "true", "", "1 day ago"]
    well = ["vol_jyx9x59me85w8exr", "created", "data", "10GB", "iad", "0001", "true", "7591857c12836d", "1 day ago"]
    assert plain(Listing(volumes.HEADINGS, [lost, well], tabbed=True)) == (
        "ID                      STATE   NAME    SIZE    REGION  ZONE    ENCRYPTED       ATTACHED VM     CREATED AT\n"
        "vol_jo4v4mv88keymd0n*   created data    10GB    iad     0002    true                            1 day ago\n"
        "vol_jyx9x59me85w8exr    created data    10GB    iad     0001    true            7591857c12836d  1 day ago\n"
    )
    snapshot = ["vs_xy7nyZLo16KGiao91x", "created", "383382372", "17 hours ago", "5"]
    assert plain(Listing(volumes.SNAPSHOT_HEADINGS, [snapshot], tabbed=True)) == (
        "ID                      STATUS  SIZE            CREATED AT      RETENTION DAYS\n"
        "vs_xy7nyZLo16KGiao91x   created 383382372       17 hours ago    5\n"
    )
