"""The pure parts of a chassis: names, addresses, command lines, what /proc says."""

import os
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from remediator.agent.front import tree
from remediator.agent.front.arguments import parse_options
from remediator.agent.front.chassis import Unsupported
from remediator.agent.front.cli import load_uuid
from remediator.agent.front.disk import Disk, DiskKind
from remediator.agent.front.host import is_agent
from remediator.agent.front.namespace import hardware_address, inner_lines, link_name, outer_lines
from remediator.agent.front.relay_host import host_routes, uplinks
from remediator.agent.front.settings import Listening, Place, agent_command, exporter_command, shadow_of
from remediator.model.errors import BadInput, PermanentError

PLACE = Place("h1", "arn", "r1", IPv4Address("10.77.0.11"), gateway="10.77.0.1")
ARGV = ["--name", "h1", "--region", "arn", "--rack", "r1", "--address", "10.77.0.11", "--mode", "relay"]
ARGV += [
    "--snapshots",
    "s",
    "--data",
    "d",
    "--remediator",
    "http://127.0.0.1:1,http://127.0.0.1:2",
    "--bmc-listen",
    "127.0.0.1:0",
]


def test_link_names_fit_the_kernel() -> None:
    assert link_name("h1") == "v-h1"
    names = {link_name(f"a-host-with-a-long-name-{number}") for number in range(50)}
    assert len(names) == 50
    assert max(map(len, names)) <= 15


def test_hardware_address_follows_the_address() -> None:
    assert hardware_address(PLACE) == "02:46:0a:4d:00:0b"


def test_link_lines() -> None:
    assert outer_lines(PLACE, 77) == [
        "link add v-h1 type veth peer name eth0 address 02:46:0a:4d:00:0b netns 77",
        "link set v-h1 master fm0",
    ]
    assert inner_lines(PLACE)[1] == "address add 10.77.0.11/24 dev eth0"
    assert inner_lines(PLACE)[-1] == "route add default via 10.77.0.1"
    assert len(inner_lines(replace(PLACE, gateway=""))) == 3


@pytest.mark.parametrize(("address", "shadow"), [("127.77.0.11", "127.77.100.11"), ("127.77.200.11", "127.77.44.11")])
def test_shadow(address: str, shadow: str) -> None:
    assert shadow_of(IPv4Address(address)) == IPv4Address(shadow)


def test_relay_carries_every_port_and_the_way_up() -> None:
    place = replace(PLACE, address=IPv4Address("127.77.0.11"))
    routes = list(host_routes(place))
    assert [route.listen[1] for route in routes[:4]] == [9080, 9100, 20000, 20001]
    assert routes[-1].target == ("127.77.100.11", 20031)
    [(url, route)] = uplinks(place, ("http://127.0.0.1:4280/base",))
    assert url == "http://127.77.100.11:9180/base"
    assert route.target == ("127.0.0.1", 4280)


@pytest.mark.parametrize("url", ["nonsense", "http://", "http://h:port"])
def test_relay_refuses_a_remediator_without_an_address(url: str) -> None:
    with pytest.raises(BadInput, match="--remediator"):
        uplinks(PLACE, (url,))


def test_command_lines() -> None:
    handed_on = ["--capacity", "cpus=4", "--label", "a=b", "--label", "c=d", "--loops", "off"]
    settings = replace(parse_options([*ARGV, *handed_on, "--agent-command", "run it"]).settings, uuid="u-1")
    listening = Listening(IPv4Address("127.77.100.11"), ("http://x:1",), "127.77.100.11")
    agent = agent_command(settings, listening, "boot-7")
    pairs = dict(zip(agent[2::2], agent[3::2], strict=True))
    assert agent[:2] == ["run", "it"]
    assert pairs["--listen"] == "127.77.100.11:9080"
    assert pairs["--address"] == "10.77.0.11"
    assert (pairs["--boot-id"], pairs["--uuid"], pairs["--remediator"]) == ("boot-7", "u-1", "http://x:1")
    assert (pairs["--snapshots"], pairs["--capacity"], pairs["--loops"]) == ("s", "cpus=4", "off")
    assert agent.count("--label") == 2
    assert Path(pairs["--data"]).is_absolute()
    assert exporter_command(settings, listening)[-4:] == ["host", "disk", "--listen", "127.77.100.11:9100"]


@pytest.mark.parametrize("wrong", [["--bmc-listen", "80"], ["--address", "h1"], ["--mode", "cloud"]])
def test_wrong_flags_end_with_2(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse_options([*ARGV, *wrong])
    assert ended.value.code == 2
    assert wrong[0] in capsys.readouterr().err


def test_stat_with_a_spiteful_name() -> None:
    assert tree.parse_stat("12 (a) b (c) D 7 12 12 0") == tree.Task(12, "D", 7)


def test_descendants_and_environment_of_the_living() -> None:
    assert os.getpid() in {task.pid for task in tree.descendants(os.getppid())}
    assert tree.read_environment(os.getpid())["PATH"]
    assert tree.read_environment(2**30) == {}


def test_agent_is_no_machine_with_its_environment() -> None:
    assert is_agent({"FLEETMEND_PART": "agent"})
    assert not is_agent({"FLEETMEND_PART": "agent", "MACHINE_ID": "m"})
    assert not is_agent({})


def test_plain_folder_is_never_filled(tmp_path: Path) -> None:
    disk = Disk(tmp_path, DiskKind.FOLDER)
    with pytest.raises(Unsupported):
        disk.fill()
    assert not disk.is_filled()
    disk.free()


def test_uuid_of_the_board_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "system.uuid"
    assert load_uuid(path) == load_uuid(path)
    path.write_text("mine")
    with pytest.raises(PermanentError, match="not a UUID"):
        load_uuid(path)
