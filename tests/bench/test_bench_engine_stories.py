"""The stories that the engine's benchmarks play, and their clock; no benchmark is run here."""

from collections import Counter
from itertools import count

from tests.bench.engine_noise import HOUR, QUIET, noise
from tests.bench.engine_single import story_of
from tests.bench.within import within


def test_an_hour_of_noise_is_the_same_each_time_and_kills_nothing_for_good() -> None:
    one = noise(1)
    assert one == noise(1)
    assert len(one.topology.places) == 2000
    assert all(fault.span is not None and fault.at < HOUR - QUIET for fault in one.faults)


def test_noise_comes_at_the_stated_rates() -> None:
    kinds = Counter(fault.kind for fault in noise(2, hours=60.0).faults)
    # Of 2,000 hosts in two and a half days.
    assert 190 < kinds["nic_reset"] < 310
    assert 610 < kinds["agent_crash"] < 820
    assert 110 < kinds["reboot"] < 230
    assert kinds["store_outage"] < 10


def test_a_single_death_is_one_host_and_a_rack_is_ten() -> None:
    (single,), (rack,) = story_of(7, 6.0, rack=False).faults, story_of(7, 20.0, rack=True).faults
    assert (len(single.hosts), len(rack.hosts)) == (1, 10)
    assert single.span is rack.span is None


def test_samples_end_with_the_time() -> None:
    assert list(within(0.0, count())) == [0]
    assert list(within(60.0, range(3))) == [0, 1, 2]
