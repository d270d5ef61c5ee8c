"""Certificates for our listeners, read anew when their files change."""

import asyncio
import logging
import ssl
from collections.abc import Mapping
from pathlib import Path

from remediator.model.errors import BadInput, Problem
from remediator.settings import TlsSettings

EVERY_SECONDS = 5.0
VERSIONS: Mapping[str, ssl.TLSVersion] = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
CLIENTS: Mapping[str, ssl.VerifyMode] = {
    "NoClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}

log = logging.getLogger("fleetmend.tls")


class Certificate:
    """One listener's; ``key`` is the setting's name, for what people are told."""

    def __init__(self, settings: TlsSettings, key: str) -> None:
        self._settings = settings
        self._key = key
        self._live: ssl.SSLContext | None = None
        self._seen: tuple[int, ...] = ()
        self._judged: tuple[int, ...] = ()
        self._trouble = ""

    def context(self) -> ssl.SSLContext:
        """For new connections, for as long as we listen.

        Raises:
            BadInput: a file cannot be read, or holds no certificate and key that belong together.
        """
        self._seen = self._stamps()
        self._live = self._built()
        return self._live

    def trouble(self) -> str:
        """What is wrong with the files as they are now, for people; empty where nothing is."""
        stamps = self._stamps()
        if stamps != self._judged:
            self._judged = stamps
            try:
                self._built()
                self._trouble = ""
            except BadInput as error:
                self._trouble = f"{error.problems[0].message}; an older certificate may be in force"
        return self._trouble

    async def watch(self) -> None:
        """Take up what has changed; a pair that is broken is told of, and the one before stays in force."""
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            await asyncio.to_thread(self.look)

    def look(self) -> None:
        """Whoever connects from now on gets what the files hold now."""
        stamps = self._stamps()
        if stamps == self._seen or self._live is None:
            return
        self._seen = stamps
        try:
            # First one of its own: a context that took half of a broken pair would greet nobody.
            self._built()
            self._load(self._live)
        except BadInput as error:
            log.warning("%s; what was read before stays in force", error)
            return
        log.info("%s: a new certificate is in force", self._key)

    def _built(self) -> ssl.SSLContext:
        settings = self._settings
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = VERSIONS[settings.min_version]
        context.verify_mode = CLIENTS[settings.client_auth_type]
        context.set_alpn_protocols(["http/1.1"])
        self._load(context)
        return context

    def _load(self, context: ssl.SSLContext) -> None:
        settings = self._settings
        try:
            context.load_cert_chain(settings.cert_file, settings.key_file, password=_no_passphrase)
            if settings.client_ca_file:
                context.load_verify_locations(settings.client_ca_file)
        except ssl.SSLError as error:
            raise self._bad((error.reason or "no PEM").replace("_", " ").lower()) from None
        except OSError as error:
            raise self._bad(error.strerror or "cannot be read") from None

    def _bad(self, why: str) -> BadInput:
        text = f"{self._key}.tls_server_config: {self._settings.cert_file} and its key cannot be used: {why}"
        return BadInput([Problem("fleetmend.yml", 0, 0, text)])

    def _stamps(self) -> tuple[int, ...]:
        settings = self._settings
        files = [settings.cert_file, settings.key_file, settings.client_ca_file]
        return tuple(_stamp(file) for file in files if file)


def _stamp(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0


def _no_passphrase() -> str:
    """OpenSSL would ask for it on the terminal."""
    return ""
