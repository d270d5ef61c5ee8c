"""One answer of several shards'."""

from remediator.api.shards.merging import merged, metrics_of

ARN = """# HELP fleetmend_gate_open Whether the store is trusted.
# TYPE fleetmend_gate_open gauge
fleetmend_gate_open 1.0
# HELP fleetmend_ticks_seconds How long a look took.
# TYPE fleetmend_ticks_seconds histogram
fleetmend_ticks_seconds_bucket{le="0.5"} 3.0
fleetmend_ticks_seconds_count 3.0
"""


def test_lists_follow_each_other_and_documents_are_joined() -> None:
    one = {"hosts": [1], "ready": True, "counts": {"arn": 1}}
    other = {"hosts": [2], "ready": False, "counts": {"fra": 2}, "more": 1}
    assert merged([one, other]) == {"hosts": [1, 2], "ready": True, "counts": {"arn": 1, "fra": 2}, "more": 1}
    assert merged([[1], [2, 3]]) == [1, 2, 3]
    assert merged([]) is None


def test_each_family_is_told_once_and_each_sample_says_whose_it_is() -> None:
    page = metrics_of({"north": ARN, "south": ARN.replace("1.0", "0.0")}).splitlines()
    assert page[:4] == [
        "# HELP fleetmend_gate_open Whether the store is trusted.",
        "# TYPE fleetmend_gate_open gauge",
        'fleetmend_gate_open{shard="north"} 1.0',
        'fleetmend_gate_open{shard="south"} 0.0',
    ]
    assert page[6] == 'fleetmend_ticks_seconds_bucket{shard="north",le="0.5"} 3.0'
    assert page[7] == 'fleetmend_ticks_seconds_count{shard="north"} 3.0'
    assert sum(line.startswith("# TYPE") for line in page) == 2
