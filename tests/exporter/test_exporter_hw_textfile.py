"""Files that others write: what is refused, alone and by name, and what clashes with the page."""

import logging
import os
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from exporter.clashes import settle_clashes
from exporter.cli import build_parser
from exporter.collectors.textfile import Textfiles
from exporter.collectors.textfile_parse import parse_prom
from exporter.errors import BadStart
from exporter.families import counter, gauge, gauges
from exporter.render import render_text
from exporter.settings import build_places
from tests.exporter.hardware import series, value, write_tree

FAILED = "node_textfile_scrape_error"


def read(folder: Path) -> list[Metric]:
    return Textfiles([folder]).read()


@pytest.mark.parametrize(
    "text",
    [
        "a 1 1700000000000\n",
        "a one\n",
        "a 1",
        "a{b=1} 1\n",
        "a{b=\"1\" 1\n",
        "a-b 1\n",
        '{"a.b"} 1\n',
        'a{"b.c"="1"} 1\n',
        "# TYPE a thing\na 1\n",
        "# TYPE a stateset\na 1\n",
        "# TYPE a gauge\na 1\n# TYPE b gauge\nb 1\n# TYPE a summary\na_sum 3\n",
        "a 1\n\x00\n",
        "a 1\n\xff\n",
        f"a {'9' * 400}\n",
    ],
)  # fmt: skip
def test_bad_file_is_refused_alone_and_by_name(text: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_tree(tmp_path, {"good.prom": "good 1\n"})
    (tmp_path / "bad.prom").write_bytes(text.encode("latin-1"))
    files = Textfiles([tmp_path])
    families = files.read()
    assert {name for name, _ in series(families)} == {"good", "node_textfile_mtime_seconds", FAILED}
    assert value(families, FAILED) == 1
    assert value(families, "node_textfile_mtime_seconds", file=f"{tmp_path}/bad.prom") is None
    files.read()
    assert [record.getMessage().count("bad.prom") for record in caplog.records] == [1]


def test_type_that_contradicts_an_earlier_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_tree(tmp_path, {"a.prom": "# TYPE x gauge\nx 1\n", "b.prom": '# TYPE x summary\nx{quantile="1"} 1\nb 1\n'})
    families = read(tmp_path)
    assert value(families, "x") == 1
    assert value(families, "b") is None
    assert value(families, FAILED) == 1
    assert "b.prom: x is a gauge in" in caplog.text


def test_counter_without_the_ending_keeps_its_name() -> None:
    (family,) = parse_prom("# HELP x Some.\n# TYPE x counter\nx 4\n")
    assert (family.exposed, family.kind, family.samples[0].name) == ("x", "unknown", "x")


def test_lines_of_a_family_that_stand_apart_are_one_family() -> None:
    found = parse_prom('# TYPE a gauge\na{i="1"} 1\nb 2\na{i="2"} 3\n')
    assert [(one.name, one.kind, len(one.samples)) for one in found] == [("a", "gauge", 2), ("b", "unknown", 1)]


def test_changed_file_is_read_anew_and_a_repaired_one_is_good_again(tmp_path: Path) -> None:
    write_tree(tmp_path, {"a.prom": "a 1\n"})
    files = Textfiles([tmp_path])
    assert value(files.read(), "a") == 1
    for text, expected in (("a x\n", None), ("a 22\n", 22.0)):
        new = tmp_path / "a.prom.tmp"
        new.write_text(text)
        new.rename(tmp_path / "a.prom")
        assert value(files.read(), "a") == expected
    (tmp_path / "a.prom").unlink()
    assert set(series(files.read()).values()) == {0.0}


def test_time_is_that_of_the_file(tmp_path: Path) -> None:
    write_tree(tmp_path, {"a.prom": "a 1\n"})
    os.utime(tmp_path / "a.prom", (1_600_000_000.75, 1_600_000_000.75))
    assert value(read(tmp_path), "node_textfile_mtime_seconds", file=f"{tmp_path}/a.prom") == 1_600_000_000


def test_pipes_folders_and_dangling_links_do_not_hold_the_page(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.prom")
    (tmp_path / "folder.prom").mkdir()
    (tmp_path / "gone.prom").symlink_to(tmp_path / "nowhere")
    write_tree(tmp_path, {"good.prom": "good 1\n"})
    families = read(tmp_path)
    assert value(families, "good") == 1
    assert value(families, FAILED) == 1


def test_several_folders_and_one_that_is_missing(tmp_path: Path) -> None:
    write_tree(tmp_path, {"one/a.prom": 'x{in="one"} 1\n', "two/b.prom": 'x{in="two"} 2\n'})
    families = Textfiles([tmp_path / "one", tmp_path / "two", tmp_path / "three"]).read()
    assert [value(families, "x", **{"in": place}) for place in ("one", "two")] == [1, 2]
    assert value(families, FAILED) == 1


def test_without_folders_nothing_failed() -> None:
    assert value(Textfiles([]).read(), FAILED) == 0


def from_file(text: str) -> list[Metric]:
    metrics = []
    for one in parse_prom(text):
        metric = Metric(one.name, one.text, one.kind)
        metric.samples = list(one.samples)
        metrics.append(metric)
    return metrics


def test_file_cannot_break_our_own_metrics(caplog: pytest.LogCaptureFixture) -> None:
    own = [gauge("a", "Ours.", 1), counter("b_total", "Ours.", 2), gauges("c", "Ours.", ["x"], [(("1",), 3)])]
    text = "# HELP a Other.\n# TYPE a gauge\na 9\n# HELP b_total Ours.\n# TYPE b_total gauge\nb_total 9\n"
    text += '# HELP c Ours.\n# TYPE c gauge\nc{x="1"} 9\nc{x="2"} 4\n# TYPE d gauge\nd 5\n'
    with caplog.at_level(logging.WARNING):
        settled = settle_clashes([*from_file(text), *own])
    found = {(name, *sorted(labels)): number for (name, labels), number in series(settled).items()}
    assert found == {("a",): 1, ("b_total",): 2, ("c", ("x", "1")): 3, ("c", ("x", "2")): 4, ("d",): 5}
    heads = [line for line in render_text(settled).decode().splitlines() if line.startswith("# TYPE")]
    assert len(heads) == len(set(heads)) == 4


def test_page_without_clashes_is_left_as_it_is() -> None:
    own = [gauge("b", "B.", 1), gauge("a", "A.", 1)]
    assert settle_clashes(own) == own


def test_page_with_files_of_two_folders(start_exporter: Callable[..., str], tmp_path: Path) -> None:
    write_tree(
        tmp_path,
        {
            "one/good.prom": '# HELP smart_ok Is the disk well?\n# TYPE smart_ok gauge\nsmart_ok{disk="sda"} 1\n',
            "two/clash.prom": "# HELP node_load1 Mine.\n# TYPE node_load1 counter\nnode_load1 -1\nnode_load5 -1\n",
            "two/bad.prom": "}\n",
        },
    )
    flags = [f"--collector.textfile.directory={tmp_path / name}" for name in ("one", "two")]
    found = series(fetch_families(start_exporter("host", *flags)))
    assert found["smart_ok", frozenset({("disk", "sda")})] == 1
    assert found["node_load1", frozenset()] >= 0
    assert found["node_load5", frozenset()] >= 0
    assert found[FAILED, frozenset()] == 1


def fetch_families(url: str) -> list[Metric]:
    with urllib.request.urlopen(f"{url}/metrics", timeout=10) as answer:
        return list(text_string_to_metric_families(str(answer.read(), "utf-8")))


@pytest.mark.parametrize("flag", ["systemd.unit-include", "systemd.unit-exclude", "netclass.ignored-devices"])
def test_pattern_that_is_none_is_said_at_the_start(flag: str) -> None:
    with pytest.raises(BadStart, match=flag):
        build_places(build_parser().parse_args(["host", f"--collector.{flag}=("]))
