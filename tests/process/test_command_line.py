"""The rest of the command line: version, help, and what it costs to get started."""

from __future__ import annotations

import subprocess
import sys

from respq import __version__
from respq.config.directives import DIRECTIVES, Live
from tests.process.servers import ROOT, Run, environment


def test_it_tells_its_version(run: Run) -> None:
    assert run("--version").stdout == f"respq {__version__}\n"


def test_help_lists_every_directive_and_explains_those_that_do_something(run: Run) -> None:
    text = run("serve", "--help").stdout
    words = set(text.split())
    for directive in DIRECTIVES.values():
        assert (f"--{directive.name}" if directive.role is Live else directive.name) in words


def test_an_unknown_command_is_refused(run: Run) -> None:
    done = run("frobnicate")
    assert done.returncode == 2
    assert "frobnicate" in done.stderr


def test_windows_is_told_where_respq_runs() -> None:
    program = (
        "import sys\nfrom respq.cli import main\n"
        "sys.platform, sys.argv = 'win32', ['respq', 'serve']\nmain()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == "Error: respq needs Linux or macOS; on Windows, run it in WSL or in a container\n"


def test_the_serving_path_imports_neither_a_client_library_nor_openssl() -> None:
    program = "import sys, respq.cli, respq.net.server; sys.exit(len({'redis', '_hashlib'} & {*sys.modules}))"
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment(), check=True)
