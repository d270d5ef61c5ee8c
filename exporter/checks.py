"""Checks that the flags of several parts share."""

from urllib.parse import urlsplit

from exporter.errors import BadStart


def check_url(flag: str, url: str) -> str:
    """The URL itself, empty too; BadStart, without a password that it may hold, if it is not one."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if url and not usable:
        raise BadStart(f"{flag}: not of the form http://HOST:PORT")
    return url


def hide_password(url: str) -> str:
    """Without user, password and query, any of which may be a secret."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl()
