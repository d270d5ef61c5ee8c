"""fleetmend.yml, the environment and hosts.yml in; frozen settings out, or everything that is wrong."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel

from remediator.model.errors import BadInput, Problem
from remediator.policy.problems import did_you_mean, validate
from remediator.policy.settings_schema import (
    BmcFields,
    EndpointFields,
    HostFields,
    InventoryFile,
    SettingsFile,
    TrustedFields,
    WebhookFields,
)
from remediator.policy.web_fields import rate_limits, web_settings
from remediator.policy.yaml.positions import Document, Where, parse_document, read_document
from remediator.settings import (
    BmcEndpoint,
    Endpoint,
    FencingSettings,
    GateSettings,
    IntakeSettings,
    InventoryHost,
    OnReturn,
    Settings,
    WebSettings,
)

PREFIX = "FLEETMEND_"
SHORTEST_LEASE = timedelta(seconds=10)
_PATHS = ("data", "rules", "hosts", "store_token_file", "journal_password_file")
# Waiting no time at all for these means acting on nothing.
_POSITIVE = (
    "probe_interval",
    "probe_timeout",
    "dead_after",
    "store_timeout",
    "keep_history",
    "leader_lease",
)


def load_settings(path: Path, environment: Mapping[str, str]) -> Settings:
    """Read fleetmend.yml; FLEETMEND_<KEY> (a key in a section: FLEETMEND_GATE_LATENCY) goes before the file.

    Paths in the file are relative to its folder.

    Raises:
        BadInput: with everything that is wrong.
    """
    document = _with_environment(read_document(path), environment)
    fields, problems = validate(SettingsFile, document)
    if fields is None:
        raise BadInput(problems)
    settings = _settings(fields, path.parent)
    problems = [replace(one, check="settings/senseless") for one in _senseless(settings, document)]
    if problems:
        raise BadInput(problems)
    return settings


def load_inventory(path: Path) -> tuple[InventoryHost, ...]:
    """Read hosts.yml: a list of hosts, each with a name of its own.

    Raises:
        BadInput: with everything that is wrong.
    """
    document = read_document(path)
    fields, problems = validate(InventoryFile, document, (), [] if document.value is None else document.value)
    if fields is None:
        raise BadInput(problems)
    seen: set[str] = set()
    for index, host in enumerate(fields.root):
        if host.name in seen:
            problems.append(
                document.problem((index, "name"), f"host {host.name!r} was given before", check="settings/senseless")
            )
        seen.add(host.name)
    if problems:
        raise BadInput(problems)
    return tuple(_host(host, path.parent) for host in fields.root)


def environment_names() -> dict[str, Where]:
    """Every environment variable that is read, with the path of the setting it gives."""
    return {PREFIX + "_".join(where).upper(): where for where in _leaves(SettingsFile, ())}


def _leaves(model: type[BaseModel], base: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for name, info in model.model_fields.items():
        if str(info.annotation).startswith(("dict", "list")):
            # No one variable can hold these: they are given in the file.
            continue
        inner = next((m for m in (info.annotation, *get_args(info.annotation)) if _is_model(m)), None)
        if inner:
            yield from _leaves(inner, (*base, name))
        else:
            yield (*base, name)


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _with_environment(document: Document, environment: Mapping[str, str]) -> Document:
    known = environment_names()
    problems = [
        Problem(name, 0, 0, f"unknown setting{meant}", check="settings/unknown")
        for name in environment
        if name.startswith(PREFIX) and name not in known and (meant := did_you_mean(name, known, 0.93))
    ]
    if problems:
        raise BadInput(problems)
    if document.value is not None and not isinstance(document.value, dict):
        return document
    given = {where: name for name, where in known.items() if name in environment}
    value: Any = document.value
    for where, name in given.items():
        value = _put(value, where, _scalar(environment[name], name))
    return Document(document.file, value, document.places, {**document.names, **given}, document.text)


def _scalar(text: str, name: str) -> Any:
    """The variable's text as YAML would read it, so that numbers and true stay what they are."""
    value = parse_document(text, name).value
    return value if isinstance(value, str | int | float | bool) else text


def _put(value: Any, where: Where, leaf: Any) -> Any:
    if not where:
        return leaf
    here = dict(value) if isinstance(value, dict) else {}
    here[str(where[0])] = _put(here.get(str(where[0])), where[1:], leaf)
    return here


def _settings(fields: SettingsFile, base: Path) -> Settings:
    given: dict[str, Any] = {
        name: value
        for name in SettingsFile.model_fields
        if (value := getattr(fields, name)) is not None and not isinstance(value, BaseModel | list)
    }
    given |= {name: base / given[name] for name in _PATHS if name in given}
    given["webhooks"] = {name: _webhook(one, base) for name, one in fields.webhooks.items()}
    if isinstance(fields.shards, dict):
        given["shards"] = {name: tuple(regions) for name, regions in fields.shards.items()}
    return Settings(
        **given,
        gate=GateSettings(**fields.gate.model_dump(exclude_none=True)),
        on_return=OnReturn(
            fields.on_return.default, {str(app): str(one) for app, one in fields.on_return.apps.items()}
        ),
        web=web_settings(fields.web, base, WebSettings()),
        fleet_web=web_settings(fields.fleet_web, base, WebSettings(max_connections=0)),
        rate_limits=rate_limits(fields.rate_limits),
        prefer=tuple(fields.prefer),
        fencing=FencingSettings(_trusted(fields.fencing.orchestrator, base)),
        provider=_endpoint(fields.provider, base),
        alertmanagers=tuple(found for each in fields.alertmanagers if (found := _endpoint(each, base))),
        intake=tuple(IntakeSettings(base / each.token_file, tuple(each.playbooks)) for each in fields.intake),
    )


def _endpoint(fields: EndpointFields | None, base: Path) -> Endpoint | None:
    if fields is None:
        return None
    return Endpoint(fields.url, base / fields.token_file if fields.token_file else None)


def _trusted(fields: TrustedFields | None, base: Path) -> Endpoint | None:
    found = _endpoint(fields, base)
    return replace(found, ca_file=base / fields.ca_file) if found and fields and fields.ca_file else found


def _webhook(fields: WebhookFields, base: Path) -> Endpoint:
    return Endpoint(fields.url, base / fields.token_file if fields.token_file else None, fields.observe or "")


def _host(fields: HostFields, base: Path) -> InventoryHost:
    return InventoryHost(
        name=fields.name,
        region=fields.region,
        rack=fields.rack,
        role=fields.role,
        provider=fields.provider,
        address=fields.address,
        labels={str(name): str(value) for name, value in fields.labels.items()},
        bmc=_bmc(fields.bmc, base) if fields.bmc else None,
    )


def _bmc(fields: BmcFields, base: Path) -> BmcEndpoint:
    return BmcEndpoint(
        url=fields.url,
        kind="ipmi" if fields.url.startswith("ipmi://") else "redfish",
        token_file=base / fields.token_file if fields.token_file else None,
        user=fields.user,
        password_file=base / fields.password_file if fields.password_file else None,
        system=fields.system,
        ca_file=base / fields.ca_file if fields.ca_file else None,
    )


def _senseless(settings: Settings, document: Document) -> Iterator[Problem]:
    """Values that are each well-formed, and together make no sense."""
    yield from _too_short(settings, document)
    if settings.probe_timeout >= settings.probe_interval:
        yield document.problem(("probe_timeout",), "must be shorter than probe_interval")
    if settings.dead_after < settings.probe_interval + settings.probe_timeout:
        message = "must be at least probe_interval and probe_timeout together: one late answer is no death"
        yield document.problem(("dead_after",), message)
    if settings.gate.open_after_max < settings.gate.open_after:
        yield document.problem(("gate", "open_after_max"), "must not be shorter than gate.open_after")
    yield from _repeated(settings, document)
    yield from _shards(settings, document)
    named: list[tuple[tuple[str, ...], str]] = [(("owners", app), name) for app, name in settings.owners.items()]
    named += [(("questions",), settings.questions)] if settings.questions else []
    for place, name in named:
        if name not in settings.webhooks:
            near = did_you_mean(name, settings.webhooks)
            yield document.problem(place, f"there is no webhook {name!r} under webhooks{near}")
    if settings.listen == settings.fleet_listen and not settings.listen.endswith(":0"):
        yield document.problem(("fleet_listen",), "must differ from listen")


def _too_short(settings: Settings, document: Document) -> Iterator[Problem]:
    for name in _POSITIVE:
        if getattr(settings, name) <= timedelta():
            yield document.problem((name,), "must be longer than 0")
    if settings.lease < SHORTEST_LEASE:
        message = f"must be at least {SHORTEST_LEASE.total_seconds():g}s: agents hear us every few seconds only"
        yield document.problem(("lease",), message)


def _shards(settings: Settings, document: Document) -> Iterator[Problem]:
    """Several leaders need a database that they share, and each region has one of them."""
    if settings.shards and not settings.journal:
        yield document.problem(("shards",), "need a journal in PostgreSQL: name it under journal")
    shards = settings.shards if isinstance(settings.shards, dict) else {}
    homes: dict[str, str] = {}
    for name, regions in shards.items():
        for index, region in enumerate(regions):
            if homes.setdefault(region, name) != name:
                yield document.problem(
                    ("shards", name, index), f"region {region!r} is in shard {homes[region]!r} too"
                )
        if not regions:
            yield document.problem(("shards", name), "names no region")
    for index, name in enumerate(settings.prefer):
        if settings.shards != "by_region" and name not in shards:
            yield document.problem(("prefer", index), f"there is no shard {name!r}{did_you_mean(name, shards)}")


def _repeated(settings: Settings, document: Document) -> Iterator[Problem]:
    """Each Alertmanager is told once, and each sender is known by the name of its token's file."""
    urls = [each.url for each in settings.alertmanagers]
    for index, url in enumerate(urls):
        if url in urls[:index]:
            yield document.problem(("alertmanagers", index, "url"), "is there twice")
    names = [each.token_file.name for each in settings.intake]
    for index, name in enumerate(names):
        if name in names[:index]:
            message = f"another entry's file is called {name!r} too: senders are known by it"
            yield document.problem(("intake", index, "token_file"), message)
