"""The landing page: what this process is, what it can be asked for, and how that went last."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from urllib.parse import urlencode

from exporter import __version__
from exporter.web.scrape import Source

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>fleetmend-exporter</title>
<style>
body {{ font: 1rem/1.5 system-ui, sans-serif; margin: 2rem; color-scheme: light dark }}
td, th {{ padding: 0 2rem 0 0; text-align: left }}
</style></head>
<body><h1>fleetmend-exporter</h1><p>{modules} · version {version}</p>
<p>{links}</p>
<table><caption>Collectors</caption><thead><tr><th>name</th><th>last scrape</th><th>in a page</th></tr></thead><tbody>
{rows}
</tbody></table></body></html>
"""
ROW = '<tr><td><a href="{link}">{name}</a></td><td>{state}</td><td>{default}</td></tr>'


def build_landing(
    modules: Sequence[str], path: str, paths: Iterable[str], source: Source, states: Mapping[str, str]
) -> str:
    """HTML; ``path`` is that of the metrics, ``states`` how each collector's part of its last scrape ended."""
    rows = [
        ROW.format(
            link=escape(f"{path}?{urlencode({'collect[]': name})}"),
            name=escape(name),
            state=escape(states.get(name, "not asked yet")),
            default="always" if name in source.defaults else "if asked for",
        )
        for name in sorted(source.names)
    ]
    links = " · ".join(f'<a href="{escape(one)}">{escape(one)}</a>' for one in sorted(paths) if one != "/")
    return PAGE.format(
        modules=escape(", ".join(modules)), version=escape(__version__), links=links, rows="\n".join(rows)
    )
