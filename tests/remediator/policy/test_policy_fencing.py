"""How fencing is set: BMCs in hosts.yml, lease and orchestrator in fleetmend.yml; and what makes no sense is told."""

from datetime import timedelta
from pathlib import Path

import pytest

from remediator.model.errors import BadInput
from remediator.policy.configuration import load_inventory, load_settings
from remediator.settings import BmcEndpoint, Endpoint


def bmc(tmp_path: Path, text: str) -> BmcEndpoint | None:
    path = tmp_path / "hosts.yml"
    path.write_text(f"- {{name: h1, region: arn, rack: r1, bmc: {{{text}}}}}\n")
    return load_inventory(path)[0].bmc


def test_redfish_by_a_token_or_a_login(tmp_path: Path) -> None:
    assert bmc(tmp_path, "url: 'http://b:1', token_file: t") == BmcEndpoint("http://b:1", token_file=tmp_path / "t")
    found = bmc(tmp_path, "url: 'https://b', user: a, password_file: p, system: /redfish/v1/Systems/S.1, ca_file: c")
    assert found == BmcEndpoint(
        "https://b", user="a", password_file=tmp_path / "p", system="/redfish/v1/Systems/S.1", ca_file=tmp_path / "c"
    )


def test_ipmi_by_a_login(tmp_path: Path) -> None:
    found = bmc(tmp_path, "kind: ipmi, url: 'ipmi://10.0.1.11:6230', user: admin, password_file: p")
    assert found == BmcEndpoint("ipmi://10.0.1.11:6230", "ipmi", user="admin", password_file=tmp_path / "p")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("url: 'ipmi://b'", "an ipmi BMC needs user and password_file"),
        ("kind: redfish, url: 'ipmi://b', user: a, password_file: p", "kind redfish does not go with ipmi://b"),
        ("kind: ipmi, url: 'https://b', user: a, password_file: p", "kind ipmi does not go with https://b"),
        ("url: 'https://b', user: a", "user and password_file go together"),
        ("url: 'ipmi://a@b', user: a, password_file: p", "is no address of a BMC"),
        ("url: 'https://a:b@c', token_file: t", "must hold no user or password"),
        ("url: 'https://b', token: t", "unknown field"),
        ("url: 'https://b', token_file: t, system: ../x", "system"),
    ],
)
def test_what_makes_no_sense_is_told_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(BadInput) as raised:
        bmc(tmp_path, text)
    first = str(raised.value)
    assert said in first
    assert "hosts.yml:1:" in first


def test_a_lease_outlasts_the_time_between_our_words(tmp_path: Path) -> None:
    path = tmp_path / "fleetmend.yml"
    path.write_text("lease: 10s\n")
    assert load_settings(path, {}).lease == timedelta(seconds=10)
    path.write_text("lease: 9s\n")
    with pytest.raises(BadInput, match=r"fleetmend.yml:1:8: lease: must be at least 10s"):
        load_settings(path, {})


def test_an_orchestrator_has_an_address_a_token_and_whom_it_is_trusted_by(tmp_path: Path) -> None:
    path = tmp_path / "fleetmend.yml"
    path.write_text("fencing: {orchestrator: {url: 'https://f/', token_file: t, ca_file: c}}\n")
    expected = Endpoint("https://f", tmp_path / "t", ca_file=tmp_path / "c")
    assert load_settings(path, {}).fencing.orchestrator == expected
    told = {"FLEETMEND_FENCING_ORCHESTRATOR_URL": "http://g:1"}
    path.write_text("")
    assert load_settings(path, {}).fencing.orchestrator is None
    assert load_settings(path, told).fencing.orchestrator == Endpoint("http://g:1")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("url: 'https://a:b@f'", "must hold no user or password: name a token_file"),
        ("url: f", "is no address"),
        ("token_file: t", "url"),
        ("url: 'https://f', token: t", "unknown field"),
    ],
)
def test_an_orchestrator_that_makes_no_sense_is_told_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "fleetmend.yml"
    path.write_text(f"fencing:\n  orchestrator: {{{text}}}\n")
    with pytest.raises(BadInput) as raised:
        load_settings(path, {})
    assert said in str(raised.value)
    assert "fleetmend.yml:2:" in str(raised.value)
