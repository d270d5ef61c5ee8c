"""fleetmend.yml, the environment, hosts.yml."""

import re
from dataclasses import fields
from datetime import timedelta
from pathlib import Path

import pytest

from remediator.model.errors import BadInput
from remediator.policy.configuration import environment_names, load_inventory, load_settings
from remediator.settings import Endpoint, IntakeSettings, Settings

SHIPPED = Path(__file__).parents[3] / "remediator" / "shipped"


def put(folder: Path, text: str, name: str = "fleetmend.yml") -> Path:
    (folder / name).write_text(text)
    return folder / name


def test_an_empty_file_gives_every_default(tmp_path: Path) -> None:
    settings = load_settings(put(tmp_path, ""), {})
    assert settings.data == tmp_path / "data"
    assert settings.listen == "127.0.0.1:8321"
    assert settings.patience == timedelta(seconds=120)


def test_the_shipped_file_changes_nothing_and_names_every_key(tmp_path: Path) -> None:
    text = (SHIPPED / "fleetmend.yml").read_text()
    assert load_settings(put(tmp_path, text), {}) == load_settings(put(tmp_path, ""), {})
    named = set(re.findall(r"^(?:# ?)? *([a-z_]+):", text, re.MULTILINE))
    assert {field.name for field in fields(Settings)} <= named


def test_what_the_shipped_comments_show_is_the_default(tmp_path: Path) -> None:
    text = (SHIPPED / "fleetmend.yml").read_text()
    keys = "|".join(field.name for field in fields(Settings))
    shown = re.sub(rf"^# (?=(?:{keys}):)|^# (?=  \w+: )", "", text, flags=re.MULTILINE)
    # Where secrets are and who provides hosts have no default: the file shows examples.
    examples = (
        "name|journal|journal_password_file|store_token_file|store_write_url|"
        "fencing|provider|webhooks|owners|questions|alertmanagers|intake|external_url|shards|prefer|peer_url"
    )
    shown = re.sub(rf"^({examples}): .*", "", shown, flags=re.MULTILINE)
    assert shown.count("\n#") < text.count("\n#") - 25
    assert load_settings(put(tmp_path, shown), {}) == load_settings(put(tmp_path, ""), {})


def test_the_environment_goes_before_the_file(tmp_path: Path) -> None:
    path = put(tmp_path, "patience: 5m\ngate: {latency: 1s}\nrate_limits: {burst: 2}\n")
    given = {"FLEETMEND_PATIENCE": "3m", "FLEETMEND_GATE_LATENCY": "500ms", "FLEETMEND_RATE_LIMITS_BURST": "7"}
    settings = load_settings(path, {**given, "FLEETMEND_EVALUATION_JITTER": "false", "FLEETMEND_TOKEN": "x"})
    assert settings.patience == timedelta(minutes=3)
    assert settings.gate.latency == timedelta(milliseconds=500)
    assert settings.rate_limits.burst == 7
    assert settings.evaluation_jitter is False


def test_shards_are_regions_or_groups_of_them(tmp_path: Path) -> None:
    database = "journal: postgresql://db/x\n"
    assert load_settings(put(tmp_path, f"{database}shards: by_region\n"), {}).shards == "by_region"
    grouped = load_settings(put(tmp_path, f"{database}shards: {{north: [arn, hel]}}\nprefer: [north]\n"), {})
    assert (grouped.shards, grouped.prefer) == ({"north": ("arn", "hel")}, ("north",))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("shards: by_region\n", "1:9: shards: need a journal in PostgreSQL"),
        ("journal: postgresql://db/x\nshards: {a: [arn], b: [arn]}\n", "region 'arn' is in shard 'a' too"),
        ("journal: postgresql://db/x\nshards: {north: [arn]}\nprefer: [nort]\n", "there is no shard 'nort'"),
        ("patiense: 5m", "fleetmend.yml:1:1: patiense: unknown field (did you mean 'patience'?)"),
        ("gate: {latncy: 5m}", "gate.latncy: unknown field (did you mean 'latency'?)"),
        ("listen: 8321", "fleetmend.yml:1:9: listen: YAML reads 8321 as a number"),
        ("listen: here", "is no place to listen"),
        ("store_url: vm:8428", "is no address"),
        ("store_url: http://me:secret@vm:8428", "must hold no user or password"),
        ("journal: mysql://db/x", "fleetmend.yml:1:10: journal: is no address of a PostgreSQL database"),
        ("journal: postgresql://me:secret@db/x", "must hold no password: name a journal_password_file"),
        ("journal: postgresql://db/x?password=secret", "must hold no password: name a journal_password_file"),
        ("keep_history: 0s", "fleetmend.yml:1:15: keep_history: must be longer than 0"),
        ("store_kind: influx", "unknown value 'influx'"),
        ("probe_timeout: 1s", "must be shorter than probe_interval"),
        ("dead_after: 1s", "one late answer is no death"),
        ("gate: {open_after: 20m}", "must not be shorter than gate.open_after"),
        ("on_return: {apps: {web: keep_all}}", "on_return.apps.web: unknown value 'keep_all'"),
        (
            "webhooks: {web_team: {url: http://x}}\nowners: {web: web_tem}",
            "fleetmend.yml:2:15: owners.web: there is no webhook 'web_tem' under webhooks (did you mean 'web_team'?)",
        ),
        ("questions: on_call", "fleetmend.yml:1:12: questions: there is no webhook 'on_call' under webhooks"),
        ("- a", "must be a mapping of fields"),
    ],
)
def test_mistakes_are_told_with_their_place(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(BadInput) as caught:
        load_settings(put(tmp_path, text), {})
    assert said in str(caught.value)
    assert "secret@" not in str(caught.value)


def test_a_wrong_variable_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"^FLEETMEND_PATIENCE: 'soon' is no duration"):
        load_settings(put(tmp_path, ""), {"FLEETMEND_PATIENCE": "soon"})
    with pytest.raises(BadInput, match="did you mean 'FLEETMEND_STORE_URL'"):
        load_settings(put(tmp_path, ""), {"FLEETMEND_STORE_ULR": "x"})


def test_an_orchestrator_page_may_be_named_or_left_away(tmp_path: Path) -> None:
    assert load_settings(put(tmp_path, 'orchestrator_exporter: ""'), {}).orchestrator_exporter == ""
    with pytest.raises(BadInput, match="is no place to listen"):
        load_settings(put(tmp_path, "orchestrator_exporter: here"), {})


def test_every_setting_has_a_variable() -> None:
    assert {"FLEETMEND_DATA", "FLEETMEND_GATE_OPEN_AFTER", "FLEETMEND_PROVIDER_URL"} <= set(environment_names())


def test_the_inventory(tmp_path: Path) -> None:
    text = "- {name: h1, region: arn, rack: r1, labels: {kernel: '6.1'}, bmc: {url: 'http://b:1', token_file: t}}\n"
    (host,) = load_inventory(put(tmp_path, text, "hosts.yml"))
    assert (host.name, host.role, host.labels) == ("h1", "worker", {"kernel": "6.1"})
    assert host.bmc is not None
    assert host.bmc.token_file == tmp_path / "t"
    assert load_inventory(SHIPPED / "hosts.yml") == ()


def test_a_host_given_twice_and_one_without_a_rack(tmp_path: Path) -> None:
    twice = "- {name: h1, region: arn, rack: r1}\n- {name: h1, region: arn, rack: r1}\n"
    with pytest.raises(BadInput, match=r"hosts.yml:2:10: name: host 'h1' was given before"):
        load_inventory(put(tmp_path, twice, "hosts.yml"))
    with pytest.raises(BadInput, match=r"hosts.yml:1:3: rack: is missing"):
        load_inventory(put(tmp_path, "- {name: h1, region: arn}\n", "hosts.yml"))


def test_a_journal_in_postgresql_and_how_long_it_is_kept(tmp_path: Path) -> None:
    text = "journal: postgresql://me@db/x?sslmode=verify-full\njournal_password_file: p\nkeep_history: 14d"
    found = load_settings(put(tmp_path, text), {})
    assert found.journal == "postgresql://me@db/x?sslmode=verify-full"
    assert (found.journal_password_file, found.keep_history) == (tmp_path / "p", timedelta(days=14))
    assert load_settings(put(tmp_path, ""), {}).journal == ""


def test_webhooks_are_named_by_people_and_have_no_variables(tmp_path: Path) -> None:
    given = "webhooks: {rollout: {url: 'https://deploy.example/hold/', token_file: hook.token}}"
    found = load_settings(put(tmp_path, given), {}).webhooks
    assert found == {"rollout": Endpoint("https://deploy.example/hold", tmp_path / "hook.token")}
    assert not [name for name in environment_names() if "WEBHOOK" in name]


def test_alertmanagers_and_senders(tmp_path: Path) -> None:
    given = """
alertmanagers: [{url: 'http://am:9093/', token_file: am.token}, {url: 'http://am2:9093'}]
notify: after_playbook
intake: [{token_file: secrets/prom.token, playbooks: [host_dead]}, {token_file: guest.token}]
"""
    found = load_settings(put(tmp_path, given), {"FLEETMEND_NOTIFY_WITHIN": "90s"})
    assert found.alertmanagers == (Endpoint("http://am:9093", tmp_path / "am.token"), Endpoint("http://am2:9093"))
    prom, guest = found.intake
    assert prom == IntakeSettings(tmp_path / "secrets" / "prom.token", ("host_dead",))
    assert guest.playbooks == ()
    assert (found.notify, found.notify_within) == ("after_playbook", timedelta(seconds=90))
    assert not [name for name in environment_names() if "INTAKE" in name or "ALERTMANAGERS" in name]


def test_each_alertmanager_once_and_each_sender_by_its_own_name(tmp_path: Path) -> None:
    given = """
alertmanagers: [{url: 'http://am:9093'}, {url: 'http://am:9093/'}]
intake: [{token_file: a/token}, {token_file: b/token}]
"""
    with pytest.raises(BadInput) as caught:
        load_settings(put(tmp_path, given), {})
    first, second = caught.value.problems
    assert "fleetmend.yml:2:48: alertmanagers.url: is there twice" in str(first)
    assert "intake.token_file: another entry's file is called 'token' too" in str(second)
