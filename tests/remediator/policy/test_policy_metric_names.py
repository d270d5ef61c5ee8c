"""Which metrics rules may read, and what is said of others."""

from pathlib import Path

from remediator.policy.metric_names import KnownMetrics, is_counter, known_metrics, own, shipped
from scripts.metric_list import DOCUMENT, listed

ROOT = Path(__file__).parents[3]


def test_the_shipped_list_is_what_the_document_says() -> None:
    text = (ROOT / "remediator" / "shipped" / "metrics.txt").read_text()
    assert text == listed(DOCUMENT.read_text()), "run python -m scripts.metric_list >remediator/shipped/metrics.txt"


def test_labels_come_from_the_page_and_from_the_target() -> None:
    found = own("node_filesystem_avail_bytes")
    assert found is not None
    assert {"device", "mountpoint", "host", "region", "rack"} <= found.labels
    known = KnownMetrics(labels=frozenset({"cluster"}))
    assert known.lacks_label("node_load1", "mountpoint")
    assert not any(known.lacks_label("node_load1", name) for name in ("host", "job", "cluster", "exported_host"))
    assert not known.lacks_label("unheard_of", "x")


def test_parts_of_a_histogram_are_counters_of_ours() -> None:
    histogram = next(name for name, metric in shipped().items() if metric.kind == "histogram")
    assert KnownMetrics().has(f"{histogram}_bucket")
    assert is_counter(f"{histogram}_count")
    assert not is_counter("node_load1")
    assert is_counter("foreign_things_total")


def test_foreign_metrics_are_declared_by_name_or_prefix(tmp_path: Path) -> None:
    (tmp_path / "foreign_metrics.yml").write_text("names: [a, node_load1]\nprefixes: [vm_]\nscrape_interval: 15s\n")
    known, problems = known_metrics(tmp_path, ["job:x:sum"])
    assert all(known.has(name) for name in ("a", "vm_rows", "job:x:sum", "up", "ALERTS", "node_memory_Odd_bytes"))
    assert not known.has("b")
    assert known.scrape_interval.total_seconds() == 15
    assert [(one.line, one.column, one.check) for one in problems] == [(1, 12, "foreign/unused")]
    assert "did you mean 'node_load1'" in known.meant("node_lod1")


def test_a_broken_declaration_is_told_and_hides_nothing(tmp_path: Path) -> None:
    (tmp_path / "foreign_metrics.yml").write_text("nams: [a]\n")
    known, problems = known_metrics(tmp_path, [])
    assert known == KnownMetrics()
    assert "did you mean 'names'" in problems[0].message
