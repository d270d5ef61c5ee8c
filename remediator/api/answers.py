"""JSON answers and the API's error shape; every error leaves through one door."""

import logging
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from aiohttp import web

from remediator.engine.machines.refusals import Refused
from remediator.journal.protocol import LeaseLost
from remediator.model.errors import BadInput, FleetmendError, PermanentError, TransientError

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

LOG = logging.getLogger(__name__)

# What a bug of ours looks like from outside; cancellation and exit are none of these.
BUGS = (LookupError, ValueError, TypeError, AttributeError, ArithmeticError, AssertionError, RuntimeError, OSError)
RETRY_SECONDS = 1


def answer(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """``value`` as JSON; moments become RFC 3339 in UTC."""
    body = msgspec.json.encode(value)
    return web.Response(body=body, status=status, headers=headers, content_type="application/json")


def problem(status: int, text: str, code: str = "unknown", *, retry_after: int = 0) -> web.Response:
    """The Machines API's error: ``{"error": text, "status": code}``, with Retry-After in seconds if not 0."""
    headers = {"Retry-After": str(retry_after)} if retry_after else None
    return answer({"error": text, "status": code or "unknown"}, status, headers)


@web.middleware
async def answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turns whatever a handler raises into the API's error shape; nobody sees a traceback."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        return _http_problem(error)
    except FleetmendError as error:
        return _our_problem(request, error)
    except web.RequestPayloadError:
        return problem(400, "invalid request: the body is not what its headers say", "invalid")
    except BUGS as error:
        if isinstance(error, ConnectionError) and _has_gone(request):
            # The client's own affair; aiohttp knows that nobody is there to be answered.
            raise
        return _bug(request, error)


def _has_gone(request: web.Request) -> bool:
    return request.transport is None or request.transport.is_closing()


def _http_problem(error: web.HTTPException) -> web.Response:
    answered = problem(error.status, _http_text(error))
    for name in ("Allow", "WWW-Authenticate", "Location"):
        if name in error.headers:
            answered.headers[name] = error.headers[name]
    return answered


def _http_text(error: web.HTTPException) -> str:
    texts = {404: "not_found: no such path", 405: "this path does not take this method", 413: "the body is too large"}
    return texts.get(error.status, error.reason)


def _our_problem(request: web.Request, error: FleetmendError) -> web.Response:
    match error:
        case Refused():
            terms = error.terms
            return problem(terms.status, str(error), terms.code, retry_after=terms.retry_after)
        case TransientError() | LeaseLost():
            # Clients repeat any method on 503: the control raises this only where nothing was done.
            return problem(503, f"unavailable: {error}", "unavailable", retry_after=RETRY_SECONDS)
        case PermanentError():
            return problem(422, str(error), "unprocessable")
        case BadInput():
            texts = [str(each) for each in error.problems]
            listed = {"error": f"invalid request: {'; '.join(texts)}", "status": "invalid", "problems": texts}
            return answer(listed, 400)
        case _:
            return _bug(request, error)


def _bug(request: web.Request, error: Exception) -> web.Response:
    # Neither the exception's text nor the traceback nor the path as it came: all may quote what is nobody's business.
    resource = request.match_info.route.resource
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "unknown place"
    LOG.error("%s %s failed: %s at %s", request.method, resource and resource.canonical, type(error).__name__, place)
    return problem(500, "internal", "internal")
