"""What `web`, `fleet_web` and `rate_limits` of fleetmend.yml may say; the words of TLS are exporter-toolkit's."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from remediator.actions.fields import Strict, Text
from remediator.settings import RateLimits, TlsSettings, WebSettings

PathText = Annotated[Text, StringConstraints(min_length=1)]
Pace = Annotated[float, Field(gt=0, le=1e6)]
Burst = Annotated[int, Field(ge=1, le=1_000_000)]


class TlsFields(Strict):
    """A listener's certificate, and what it asks of clients for theirs."""

    cert_file: PathText
    key_file: PathText
    client_ca_file: PathText | None = None
    client_auth_type: Literal["NoClientCert", "VerifyClientCertIfGiven", "RequireAndVerifyClientCert"] = (
        "NoClientCert"
    )
    min_version: Literal["TLS12", "TLS13"] = "TLS12"

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if bool(self.client_ca_file) != (self.client_auth_type != "NoClientCert"):
            raise ValueError("client_ca_file and a client_auth_type that asks for certificates go together")
        return self


class WebFields(Strict):
    """One listener's door."""

    tls_server_config: TlsFields | None = None
    max_connections: Annotated[int, Field(ge=0)] | None = None
    """connections at once; of too many the one that has idled longest goes; 0: any number"""


class PublicWebFields(WebFields):
    """The public listener's door."""

    onlookers: Literal["loopback", "nobody", "everyone"] | None = None
    """who may read status, metrics and explanations without a token"""


class RateLimitFields(Strict):
    """How fast a tenant's token may ask."""

    enabled: bool | None = None
    per_second: Pace | None = None
    burst: Burst | None = None
    get_per_second: Pace | None = None
    get_burst: Burst | None = None
    app_deletes_per_minute: Burst | None = None


def web_settings(fields: WebFields, base: Path, before: WebSettings) -> WebSettings:
    """The door as it is set; what is left out keeps what it was ``before``."""
    tls = fields.tls_server_config
    given = fields.model_dump(exclude_none=True, exclude={"tls_server_config"})
    held = {name: getattr(before, name) for name in ("max_connections", "onlookers")} | given
    return WebSettings(_tls(tls, base) if tls else None, **held)


def _tls(fields: TlsFields, base: Path) -> TlsSettings:
    authority = base / fields.client_ca_file if fields.client_ca_file else None
    files = (base / fields.cert_file, base / fields.key_file, authority)
    return TlsSettings(*files, fields.client_auth_type, fields.min_version)


def rate_limits(fields: RateLimitFields) -> RateLimits:
    return RateLimits(**fields.model_dump(exclude_none=True))
