"""An exporter's page as Prometheus takes it: parsed, and not a moment later than the scrape said it would wait."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import requests
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

WAIT_HEADER = "X-Prometheus-Scrape-Timeout-Seconds"


@dataclass(frozen=True, slots=True)
class Scraped:
    """A page's samples; ``seconds`` until its last byte was here."""

    samples: tuple[Sample, ...]
    seconds: float

    def rows(self, name: str, /, **labels: str) -> list[Sample]:
        """The series of that name that carry these labels."""
        return [one for one in self.samples if one.name == name and labels.items() <= one.labels.items()]

    def value(self, name: str, /, **labels: str) -> float:
        """Of the one series there must be."""
        rows = self.rows(name, **labels)
        assert len(rows) == 1, f"{name}{labels}: {rows or self.rows(name)}"
        return float(rows[0].value)

    def total(self, name: str, /, **labels: str) -> float:
        """Of all such series; 0 if there is none."""
        return float(sum(one.value for one in self.rows(name, **labels)))


def scrape(url: str, wait: float = 10.0, **parameters: str | list[str]) -> Scraped:
    """Fails if the page is not here within ``wait`` seconds, which is what its header allows it."""
    began = time.perf_counter()
    answer = requests.get(f"{url}/metrics", params=parameters, headers={WAIT_HEADER: f"{wait}"}, timeout=2 * wait)
    seconds = time.perf_counter() - began
    assert answer.status_code == 200, answer.text
    assert seconds <= wait, f"the page took {seconds:.2f} s of {wait} s"
    families = list(text_string_to_metric_families(answer.text))
    return Scraped(tuple(sample for family in families for sample in family.samples), seconds)


def scrape_until(url: str, seen: Callable[[Scraped], bool], wait: float = 10.0, seconds: float = 20.0) -> Scraped:
    """Scrape until ``seen`` says yes: for what the kernel takes its time to do, every page in time all the same."""
    end = time.perf_counter() + seconds
    page = scrape(url, wait)
    while not seen(page):
        assert time.perf_counter() < end, f"not seen within {seconds} s"
        time.sleep(0.2)
        page = scrape(url, wait)
    return page
