"""The table of commands: each is found by its name alone, and none is missing."""

import argparse
import importlib
import pkgutil

import pytest

import remediator.commands
from remediator.cli import COMMANDS, build_parser


def added_by(module: str) -> list[str]:
    commands = argparse.ArgumentParser().add_subparsers()
    importlib.import_module(f"remediator.commands.{module}").add_parser(commands)
    return list(commands.choices)


@pytest.mark.parametrize("module", COMMANDS)
def test_a_module_adds_the_names_that_stand_for_it(module: str) -> None:
    assert tuple(added_by(module)) == (COMMANDS[module] or (module,))


def test_every_module_with_a_parser_is_in_the_table() -> None:
    modules = [each.name for each in pkgutil.iter_modules(remediator.commands.__path__)]
    with_parser = {m for m in modules if hasattr(importlib.import_module(f"remediator.commands.{m}"), "add_parser")}
    assert with_parser == set(COMMANDS)


def test_one_command_is_parsed_alone_and_all_where_none_is_named() -> None:
    assert "volumes" not in build_parser(["hosts"]).format_help()
    assert "volumes" in build_parser().format_help()
    assert "volumes" in build_parser(["--help"]).format_help()
