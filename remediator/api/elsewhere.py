"""Operations of the Machines API that are another system's: answered, so that clients read why, and never done.

501, not 404: clients take a 404 for an app that is gone or a name that is free. No client repeats a 501 on its own.
"""

from aiohttp import web

from remediator.api.answers import problem
from remediator.api.requests import Endpoint
from remediator.api.tenants.scopes import Scope

_APP = "/v1/apps/{app}"
_NETWORK = "addresses are given by the network in front of the fleet"
_SECRETS = "secrets are kept by their own store; what a machine needs of them is in its config"
_CERTIFICATES = "certificates are kept by whoever terminates TLS in front of the fleet"
_TOKENS = "tokens are made by an operator: fleetmend token create"
_MEMORY = "the embedded fleet's machines are processes without a balloon; give the machine another guest"

# Method and path, with the reason.
NOT_OURS: dict[tuple[str, str], str] = {
    ("GET", f"{_APP}/ip_assignments"): _NETWORK,
    ("POST", f"{_APP}/ip_assignments"): _NETWORK,
    ("DELETE", f"{_APP}/ip_assignments/{{ip}}"): _NETWORK,
    ("GET", f"{_APP}/secrets"): _SECRETS,
    ("POST", f"{_APP}/secrets"): _SECRETS,
    ("GET", f"{_APP}/secrets/{{name}}"): _SECRETS,
    ("POST", f"{_APP}/secrets/{{name}}"): _SECRETS,
    ("DELETE", f"{_APP}/secrets/{{name}}"): _SECRETS,
    ("GET", f"{_APP}/secretkeys"): _SECRETS,
    ("GET", f"{_APP}/secretkeys/{{name}}"): _SECRETS,
    ("POST", f"{_APP}/secretkeys/{{name}}"): _SECRETS,
    ("DELETE", f"{_APP}/secretkeys/{{name}}"): _SECRETS,
    ("POST", f"{_APP}/secretkeys/{{name}}/generate"): _SECRETS,
    ("POST", f"{_APP}/secretkeys/{{name}}/encrypt"): _SECRETS,
    ("POST", f"{_APP}/secretkeys/{{name}}/decrypt"): _SECRETS,
    ("POST", f"{_APP}/secretkeys/{{name}}/sign"): _SECRETS,
    ("POST", f"{_APP}/secretkeys/{{name}}/verify"): _SECRETS,
    ("GET", f"{_APP}/certificates"): _CERTIFICATES,
    ("POST", f"{_APP}/certificates/acme"): _CERTIFICATES,
    ("POST", f"{_APP}/certificates/custom"): _CERTIFICATES,
    ("GET", f"{_APP}/certificates/{{hostname}}"): _CERTIFICATES,
    ("DELETE", f"{_APP}/certificates/{{hostname}}"): _CERTIFICATES,
    ("DELETE", f"{_APP}/certificates/{{hostname}}/acme"): _CERTIFICATES,
    ("DELETE", f"{_APP}/certificates/{{hostname}}/custom"): _CERTIFICATES,
    ("POST", f"{_APP}/certificates/{{hostname}}/check"): _CERTIFICATES,
    ("POST", f"{_APP}/deploy_token"): _TOKENS,
    ("POST", "/v1/tokens/kms"): _TOKENS,
    ("POST", "/v1/tokens/oidc"): _TOKENS,
    ("GET", f"{_APP}/machines/{{id}}/memory"): _MEMORY,
    ("PUT", f"{_APP}/machines/{{id}}/memory"): _MEMORY,
    ("POST", f"{_APP}/machines/{{id}}/memory/reclaim"): _MEMORY,
}


def elsewhere() -> list[Endpoint]:
    """One endpoint for each, all with the same answer; they need a token as the others do."""
    return [_endpoint(method, path, why) for (method, path), why in NOT_OURS.items()]


def _endpoint(method: str, path: str, why: str) -> Endpoint:
    async def refuse(_: web.Request) -> web.Response:
        return problem(501, f"not_implemented: {why}", "not_implemented")

    scope = None if path.startswith(_APP) else Scope.TOKEN
    return Endpoint(method, path, refuse, "elsewhere", guarded=True, scope=scope)
