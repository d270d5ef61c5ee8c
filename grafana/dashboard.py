"""A dashboard: rows of panels laid out from left to right, its variables and its annotations."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from grafana.panels import DATASOURCE, JsonObject, Panel

GRID_WIDTH = 24
SCHEMA_VERSION = 39


@dataclass(frozen=True, slots=True)
class Row:
    """A heading and the panels below it, in reading order; ``id`` is stable like a panel's."""

    id: int
    title: str
    panels: Sequence[Panel]


@dataclass(frozen=True, slots=True)
class Variable:
    """A choice filled with the values of ``label`` on ``metric``; ``many`` allows several and "all"."""

    name: str
    title: str
    metric: str
    label: str
    many: bool = False

    def to_json(self) -> JsonObject:
        every: JsonObject = {"allValue": ".*", "current": {"text": "All", "value": "$__all"}}
        query = f"label_values({self.metric}, {self.label})"
        return {
            "type": "query",
            "name": self.name,
            "label": self.title,
            "datasource": DATASOURCE,
            "definition": query,
            "query": query,
            "refresh": 2,  # when the time range changes: hosts come and go
            "sort": 1,
            "multi": self.many,
            "includeAll": self.many,
            **(every if self.many else {}),
        }


@dataclass(frozen=True, slots=True)
class Annotation:
    """Marks on every panel: where ``expression`` has a value, or at the time (ms) that its value is."""

    name: str
    expression: str
    title: str
    colour: str
    value_is_time: bool = False

    def to_json(self) -> JsonObject:
        return {
            "name": self.name,
            "enable": True,
            "hide": False,
            "iconColor": self.colour,
            "datasource": DATASOURCE,
            "expr": self.expression,
            "step": "5s",
            "titleFormat": self.title,
            "useValueForTime": self.value_is_time,
        }


@dataclass(frozen=True, slots=True)
class Dashboard:
    """``uid`` is stable: links and bookmarks name it."""

    uid: str
    title: str
    description: str
    rows: Sequence[Row]
    variables: Sequence[Variable]
    annotations: Sequence[Annotation]

    @property
    def panels(self) -> tuple[Panel, ...]:
        return tuple(panel for row in self.rows for panel in row.panels)

    def to_json(self) -> JsonObject:
        """The document that Grafana provisions; the same value always gives the same document."""
        return {
            "uid": self.uid,
            "title": self.title,
            "description": self.description,
            "tags": ["fleetmend"],
            "schemaVersion": SCHEMA_VERSION,
            "editable": False,
            "graphTooltip": 1,
            "timezone": "utc",
            "refresh": "5s",
            "time": {"from": "now-30m", "to": "now"},
            "templating": {"list": [_CHOICE_OF_STORE, *(variable.to_json() for variable in self.variables)]},
            "annotations": {"list": [_BUILT_IN, *(annotation.to_json() for annotation in self.annotations)]},
            "links": [_LINK_TO_SIBLINGS],
            "panels": list(_laid_out(self.rows)),
        }


_CHOICE_OF_STORE: JsonObject = {
    "type": "datasource",
    "name": "datasource",
    "label": "Store",
    "query": "prometheus",
    "current": {},
    "refresh": 1,
    "multi": False,
    "includeAll": False,
}
_BUILT_IN: JsonObject = {
    "builtIn": 1,
    "datasource": {"type": "grafana", "uid": "-- Grafana --"},
    "enable": True,
    "hide": True,
    "iconColor": "blue",
    "name": "Annotations & Alerts",
    "type": "dashboard",
}
_LINK_TO_SIBLINGS: JsonObject = {
    "type": "dashboards",
    "title": "fleetmend",
    "tags": ["fleetmend"],
    "asDropdown": False,
    "includeVars": False,
    "keepTime": True,
    "targetBlank": False,
    "icon": "external link",
    "tooltip": "",
    "url": "",
}


def _laid_out(rows: Sequence[Row]) -> Iterator[JsonObject]:
    """Headings and panels with their places; a panel that does not fit beside the last starts a new line."""
    y = 0
    for row in rows:
        yield {
            "id": row.id,
            "type": "row",
            "title": row.title,
            "collapsed": False,
            "gridPos": {"h": 1, "w": GRID_WIDTH, "x": 0, "y": y},
            "panels": [],
        }
        y += 1
        x = tallest = 0
        for panel in row.panels:
            if x + panel.width > GRID_WIDTH:
                x, y, tallest = 0, y + tallest, 0
            yield panel.to_json(x, y)
            x, tallest = x + panel.width, max(tallest, panel.height)
        y += tallest
