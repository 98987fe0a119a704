"""The rest of the command line: version, help, and what it costs to get started."""

from __future__ import annotations

from pathlib import Path

import pytest

from respq import __version__
from respq.config.directives import DIRECTIVES, Live
from tests.process.servers import ROOT, Run, run_program


def test_it_tells_its_version(run: Run) -> None:
    assert run("--version").stdout == f"respq {__version__}\n"


def test_help_lists_every_directive_and_explains_those_that_do_something(run: Run) -> None:
    text = run("serve", "--help").stdout
    words = set(text.split())
    for directive in DIRECTIVES.values():
        assert (f"--{directive.name}" if directive.role is Live else directive.name) in words
    assert run("serve", "-h").stdout == text


def test_an_unknown_command_is_refused(run: Run) -> None:
    done = run("frobnicate")
    assert done.returncode == 2
    assert "frobnicate" in done.stderr


def test_windows_is_told_where_respq_runs() -> None:
    program = (
        "import sys\nfrom respq.cli import main\n"
        "sys.platform, sys.argv = 'win32', ['respq', 'serve']\nmain()\n"
    )
    done = run_program(program, ROOT)
    assert done.returncode == 1
    assert done.stderr == "Error: respq needs Linux or macOS; on Windows, run it in WSL or in a container\n"


def test_an_interrupt_before_it_serves_is_one_line(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys\nimport respq.serving\nfrom respq.__main__ import main\n"
        "respq.serving.keep_shown = lambda config: os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.argv = ['respq', 'serve', '--port', '0', '--unixsocket', 's']\nmain()\n"
    )
    done = run_program(program, tmp_path)
    assert (done.returncode, done.stderr) == (1, "respq: interrupted\n")


@pytest.mark.parametrize("name", ["redis", "_hashlib", "click", "dataclasses", "inspect", "platform"])
def test_the_serving_path_does_without(name: str, imported_to_serve: set[str]) -> None:
    assert name not in imported_to_serve


@pytest.fixture(scope="module")
def imported_to_serve() -> set[str]:
    done = run_program("import sys, respq.serving; print(*sys.modules)", ROOT)
    assert done.returncode == 0, done.stderr
    return {*done.stdout.split()}
