"""What makes a shell complete the commands: each shell that is here can read it."""

import shutil
import subprocess

import pytest

from remediator.cli import main


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_can_read_what_is_for_it(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert "snapshots" in script
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"THERE IS NO {shell.upper()} HERE")
    subprocess.run([program, "-n"], input=script, text=True, check=True, timeout=10)
