"""The metrics store: instant queries over HTTP with three outcomes, for VictoriaMetrics and Prometheus alike."""

from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

import requests

from remediator.sources.answers import Answers, parse_answer
from remediator.sources.results import NoData, Queries, Result, Sample, StoreError, Vector
from remediator.sources.sessions import Sessions, bearer_headers, failure, store_place

__all__ = ["NoData", "Queries", "Result", "Sample", "Store", "StoreError", "Vector", "parse_answer"]

# A rule's result larger than this is a mistake in the rule, not a fleet.
MAX_BYTES = 64_000_000


class Store:
    """A PromQL API at ``url``; each thread has a session of its own, for sessions are not shared safely.

    A question about a moment that is more than ``future`` ahead of the store's own clock is an error: what is not
    there yet is no answer.
    """

    def __init__(
        self,
        url: str,
        timeout: timedelta = timedelta(seconds=5),
        token_file: Path | None = None,
        future: timedelta | None = None,
    ) -> None:
        self._url = url.rstrip("/")
        self._timeout = timeout.total_seconds()
        self._token_file = token_file
        self._future = future
        self._answers = Answers()
        self._sessions = Sessions()

    def query(self, expr: str, at: datetime) -> Result:
        """The expression's value at that moment.

        ``nocache=1`` matters: VictoriaMetrics otherwise hides the newest 30 s.
        """
        params: dict[str, str] = {"query": expr, "time": f"{at.timestamp():.3f}", "nocache": "1"}
        try:
            response = self._sessions.mine().post(
                f"{self._url}/api/v1/query",
                data=params,
                timeout=self._timeout,
                headers=bearer_headers(self._token_file),
                allow_redirects=False,
            )
        except requests.RequestException as error:
            return StoreError(f"{self._place}: {failure(error)}")
        except OSError as error:
            return StoreError(f"token file {self._token_file}: {error.strerror}")
        return self._read(expr, at, response)

    def ages(self, selector: str, at: datetime) -> Result:
        """The age in seconds of the newest sample of each series of a plain selector."""
        return self.query(f"time() - timestamp({selector})", at)

    def _read(self, expr: str, at: datetime, response: requests.Response) -> Result:
        seconds = response.elapsed.total_seconds()
        if len(response.content) > MAX_BYTES:
            return StoreError(f"{self._place}: the answer is larger than {MAX_BYTES // 1_000_000} MB", seconds)
        if self._future is not None and (early := _early(response.headers.get("Date", ""), at)) > self._future:
            return StoreError(f"{self._place}: our clock is {early.total_seconds():.0f} s ahead of its own", seconds)
        result = self._answers.read(expr, response.content, seconds, at.timestamp())
        if response.status_code == requests.codes.ok:
            return result
        return _refused(result, response.status_code, self._place)

    @property
    def _place(self) -> str:
        return store_place(self._url)


def _refused(result: Result, status: int, place: str) -> StoreError:
    said = result.reason if isinstance(result, StoreError) else "refused"
    return StoreError(f"{place}: HTTP {status}: {said}", result.seconds)


def _early(date: str, at: datetime) -> timedelta:
    """How far the moment is ahead of the store's own clock; nothing if it does not tell its time."""
    try:
        return at - parsedate_to_datetime(date)
    except (ValueError, TypeError):
        return timedelta()
