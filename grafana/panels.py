"""Panels: what is drawn, as frozen values that know their Grafana JSON (schema of Grafana 10 and newer)."""

import string
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

JsonObject: TypeAlias = dict[str, object]

DATASOURCE: JsonObject = {"type": "prometheus", "uid": "${datasource}"}
_LETTERS = string.ascii_uppercase


@dataclass(frozen=True, slots=True)
class Query:
    """One expression of a panel; ``legend`` may name labels: ``{{host}}``."""

    expression: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class State:
    """A number that stands for a word, and the colour it is drawn in."""

    value: int
    text: str
    colour: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """What all panels share. ``id`` is stable: links to a panel name it. ``width`` counts 24ths, ``height`` rows."""

    kind: ClassVar[str]

    id: int
    title: str
    description: str
    queries: Sequence[Query]
    unit: str = "short"
    states: Sequence[State] = ()
    width: int = 8
    height: int = 8
    link: str = ""

    def to_json(self, x: int, y: int) -> JsonObject:
        """The panel at its place on the grid."""
        return {
            "id": self.id,
            "type": self.kind,
            "title": self.title,
            "description": self.description,
            "datasource": DATASOURCE,
            "gridPos": {"h": self.height, "w": self.width, "x": x, "y": y},
            "fieldConfig": {"defaults": self._defaults(), "overrides": []},
            "options": self._options(),
            "targets": [
                self._target(letter, query)
                for letter, query in zip(_LETTERS[: len(self.queries)], self.queries, strict=True)
            ],
        }

    def _instant(self) -> bool:
        return False

    def _options(self) -> JsonObject:
        raise NotImplementedError

    def _custom(self) -> JsonObject:
        return {}

    def _axis(self) -> JsonObject:
        return {}

    def _defaults(self) -> JsonObject:
        defaults: JsonObject = {
            "unit": self.unit,
            "color": {"mode": "thresholds" if self.states else "palette-classic"},
            "custom": self._custom(),
            "mappings": [_mapping(self.states)] if self.states else [],
            "thresholds": {"mode": "absolute", "steps": [{"color": "text", "value": None}]},
            **self._axis(),
        }
        if self.link:
            defaults["links"] = [{"title": "Open the host", "url": self.link, "targetBlank": False}]
        return defaults

    def _target(self, letter: str, query: Query) -> JsonObject:
        return {
            "refId": letter,
            "datasource": DATASOURCE,
            "editorMode": "code",
            "expr": query.expression,
            "legendFormat": query.legend or "__auto",
            "instant": self._instant(),
            "range": not self._instant(),
        }


def _mapping(states: Sequence[State]) -> JsonObject:
    options = {
        str(state.value): {"text": state.text, "color": state.colour, "index": index}
        for index, state in enumerate(states)
    }
    return {"type": "value", "options": options}


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeSeries(Panel):
    """Lines over time; stacked where the parts make up a whole. ``bounds`` fix the axis."""

    kind: ClassVar[str] = "timeseries"

    stacked: bool = False
    bounds: tuple[float, float] | None = None

    def _axis(self) -> JsonObject:
        # A count or a span never goes below zero, and an axis that starts elsewhere makes noise look like news.
        bottom, top = self.bounds or (0, None)
        return {"min": bottom} if top is None else {"min": bottom, "max": top}

    def _custom(self) -> JsonObject:
        return {
            "drawStyle": "line",
            "lineWidth": 1,
            "fillOpacity": 40 if self.stacked else 10,
            "showPoints": "never",
            "spanNulls": False,
            "stacking": {"group": "A", "mode": "normal" if self.stacked else "none"},
        }

    def _options(self) -> JsonObject:
        return {
            "legend": {"calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": True},
            "tooltip": {"mode": "multi", "sort": "desc"},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Stat(Panel):
    """One number, as it is now."""

    kind: ClassVar[str] = "stat"

    width: int = 4
    height: int = 4

    def _instant(self) -> bool:
        # The newest value of a range may be of long ago; when the series has ended, "no data" is the truth.
        return True

    def _options(self) -> JsonObject:
        return {
            "colorMode": "background" if self.states else "none",
            "graphMode": "none",
            "justifyMode": "auto",
            "orientation": "auto",
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
            "textMode": "auto",
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class StateTimeline(Panel):
    """One row per series, its states as coloured spans; a gap is a time without samples."""

    kind: ClassVar[str] = "state-timeline"

    width: int = 24

    def _custom(self) -> JsonObject:
        return {"fillOpacity": 80, "lineWidth": 0, "spanNulls": False, "insertNulls": False}

    def _options(self) -> JsonObject:
        return {
            "alignValue": "left",
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
            "mergeValues": True,
            "rowHeight": 0.9,
            "showValue": "never",
            "tooltip": {"mode": "single", "sort": "none"},
        }
