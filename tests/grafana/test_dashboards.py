"""The dashboards without a Grafana: their names, their layout, their JSON."""

import json
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from grafana.dashboards import DASHBOARDS
from grafana.expressions import Expression, expressions
from grafana.generate import GENERATED, main, rendered
from tests.grafana.sample_pages import metric_names

PROVISIONING = GENERATED.parent / "provisioning"
# Given to the plugin as they are; the SDK's model does not know them.
ANNOTATION_EXTRAS = {"expr", "step", "titleFormat", "useValueForTime"}

DOCUMENTS = pytest.mark.parametrize("document", [d.to_json() for d in DASHBOARDS.values()], ids=list(DASHBOARDS))


def selectors(expression: str) -> list[str]:
    """The metric names that an expression reads."""
    names: list[str] = []

    def visit(node: promql_parser.Expr) -> bool:
        if isinstance(node, promql_parser.VectorSelector):
            names.append(str(node.name))
        return True

    promql_parser.walk(promql_parser.parse(expression), visit)
    return names


def panels(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [panel for panel in document["panels"] if panel["type"] != "row"]


def test_generated_files_are_committed_as_they_are() -> None:
    assert {path.name: path.read_text(encoding="utf-8") for path in GENERATED.iterdir()} == rendered()


def test_generate_writes_into_a_folder(tmp_path: Path) -> None:
    assert main([str(tmp_path / "new")]) == 0
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["fleet.json", "host.json"]


def test_generate_says_in_one_line_what_it_cannot_write(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert main([str(tmp_path / "file")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("entry", expressions(), ids=lambda entry: f"{entry.dashboard}-{entry.panel}")
def test_expressions_parse_and_use_published_names_only(entry: Expression) -> None:
    names = selectors(entry.expression)
    assert names
    assert set(names) <= metric_names()


def test_sample_pages_hold_no_name_that_no_dashboard_uses() -> None:
    used = {name for entry in expressions() for name in selectors(entry.expression)}
    # The choices of the variables are filled from it.
    assert metric_names() - used == {"host_inventory_info"}


@DOCUMENTS
def test_every_panel_says_what_it_shows(document: dict[str, Any]) -> None:
    for panel in panels(document):
        assert panel["title"]
        assert panel["description"].endswith(".")
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert panel["targets"]


@DOCUMENTS
def test_every_rate_follows_the_scrape_interval(document: dict[str, Any]) -> None:
    for target in (target for panel in panels(document) for target in panel["targets"]):
        assert not re.search(r"\[(?!\$__rate_interval\])", target["expr"])


@DOCUMENTS
def test_the_store_is_chosen_in_one_place(document: dict[str, Any]) -> None:
    assert document["templating"]["list"][0]["name"] == "datasource"
    asked = [panel["datasource"]["uid"] for panel in panels(document)]
    asked += [target["datasource"]["uid"] for panel in panels(document) for target in panel["targets"]]
    assert set(asked) == {"${datasource}"}


@DOCUMENTS
def test_ids_are_stable_and_unique(document: dict[str, Any]) -> None:
    ids = [panel["id"] for panel in document["panels"]]
    assert len(ids) == len(set(ids))
    assert re.fullmatch(r"[a-z0-9-]{1,40}", document["uid"])
    assert document["editable"] is False


def cells(panel: dict[str, Any]) -> Iterator[tuple[int, int]]:
    place = panel["gridPos"]
    for x in range(place["x"], place["x"] + place["w"]):
        for y in range(place["y"], place["y"] + place["h"]):
            yield x, y


@DOCUMENTS
def test_no_panel_lies_on_another_or_beyond_the_edge(document: dict[str, Any]) -> None:
    taken = [cell for panel in document["panels"] for cell in cells(panel)]
    assert len(taken) == len(set(taken))
    assert max(x for x, _ in taken) < 24


@DOCUMENTS
def test_links_between_dashboards_lead_somewhere(document: dict[str, Any]) -> None:
    uids = {dashboard.uid for dashboard in DASHBOARDS.values()}
    links = [link["url"] for panel in panels(document) for link in panel["fieldConfig"]["defaults"].get("links", [])]
    assert {link.removeprefix("/d/").partition("?")[0] for link in links} <= uids


def lost(mine: Any, theirs: Any, place: str = "") -> list[str]:
    """The fields of mine that a strict reader dropped or changed."""
    if isinstance(mine, dict) and isinstance(theirs, dict):
        return [
            problem
            for key, value in mine.items()
            for problem in (lost(value, theirs[key], f"{place}/{key}") if key in theirs else [f"{place}/{key}"])
        ]
    if isinstance(mine, list) and isinstance(theirs, list) and len(mine) == len(theirs):
        return [
            p for index, pair in enumerate(zip(mine, theirs, strict=True)) for p in lost(*pair, f"{place}/{index}")
        ]
    return [] if mine == theirs else [f"{place}: {mine!r} became {theirs!r}"]


def as_grafana_reads_it(document: dict[str, Any]) -> Any:
    """The document through the generated model of Grafana's own schema, which drops what it does not know."""
    with warnings.catch_warnings():
        # It says on import that there is a newer kind of dashboard; older Grafanas do not read that one.
        warnings.simplefilter("ignore", DeprecationWarning)
        from grafana_foundation_sdk.cog.plugins import register_default_plugins
        from grafana_foundation_sdk.models.dashboard import Dashboard

        register_default_plugins()
    return json.loads(JSONEncoder().encode(Dashboard.from_json(json.loads(json.dumps(document)))))


@DOCUMENTS
def test_grafanas_own_model_knows_every_field(document: dict[str, Any]) -> None:
    theirs = as_grafana_reads_it(document)
    problems = lost(document, theirs)
    assert [p for p in problems if p.rpartition("/")[2] not in ANNOTATION_EXTRAS] == []


def test_the_data_source_comes_from_the_environment_and_knows_the_scrape_interval() -> None:
    document = yaml.safe_load((PROVISIONING / "datasources" / "fleetmend.yml").read_text(encoding="utf-8"))
    [source] = document["datasources"]
    assert source["url"] == "$FLEETMEND_STORE_URL"
    assert source["type"] == "prometheus"
    assert source["jsonData"]["timeInterval"] == "1s"


def test_dashboards_are_provisioned_from_the_path_that_the_comment_mounts() -> None:
    text = (PROVISIONING / "dashboards" / "fleetmend.yml").read_text(encoding="utf-8")
    [provider] = yaml.safe_load(text)["providers"]
    assert provider["options"]["path"] in (PROVISIONING / "datasources" / "fleetmend.yml").read_text(encoding="utf-8")
    assert provider["allowUiUpdates"] is False
