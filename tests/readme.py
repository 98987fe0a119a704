"""The README as tests read it: its fenced blocks, its sessions, and the table it generates.

`python -m tests.readme` writes the command table anew.
"""

from __future__ import annotations

import os
import pty
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from respq.command import Spec
from respq.commands import SPECS

README = Path(__file__).parent.parent / "README.md"
TABLE = re.compile(r"(?<=<!-- commands:start -->\n).*?(?=<!-- commands:end -->)", re.DOTALL)
TOUR = "With redis-cli"  # headings with sessions that are run
QUEUE = "A work queue that loses nothing"
DOCUMENTED_PORT = 6380  # the README's own example of another port
PROMPT = "$ "


class Block(NamedTuple):
    """A fenced block: the heading it stands under, its language, its text."""

    heading: str
    language: str
    text: str


class Step(NamedTuple):
    """One command of a console block, and what the README says it prints."""

    command: str
    output: str


def blocks() -> list[Block]:
    found, heading = [], ""
    pattern = r"^(#+ [^\n]+)$|^```(\w+)\n(.*?)^```$"
    for match in re.finditer(pattern, README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        if match[1]:
            heading = match[1].lstrip("# ")
        else:
            found.append(Block(heading, match[2], match[3]))
    return found


def under(heading: str, language: str) -> list[str]:
    """The text of every block of a language under a heading."""
    return [block.text for block in blocks() if block[:2] == (heading, language)]


def steps(text: str) -> Iterator[Step]:
    """The commands of a console block with the output that follows each."""
    for part in text.split(f"\n{PROMPT}"):
        command, _, output = part.removeprefix(PROMPT).partition("\n")
        yield Step(command, output.rstrip("\n"))


class Shell:
    """bash on a terminal, fed one command after the other."""

    END = "end of output"

    def __init__(self, directory: Path, port: int) -> None:
        self.port = port
        self._screen, terminal = pty.openpty()
        environment = {
            **os.environ,
            "REDIS_URL": f"redis://localhost:{port}",
            "PYTHONPATH": str(README.parent),
            "TERM": "dumb",
        }
        with (directory / "stderr").open("wb") as errors:
            self._bash = subprocess.Popen(
                ["bash", "--norc"],
                stdin=subprocess.PIPE,
                stdout=terminal,
                stderr=errors,
                cwd=directory,
                env=environment,
                start_new_session=True,
            )
        os.close(terminal)

    def run(self, command: str) -> str:
        """What a command prints, moved to the shell's port as the README says how."""
        moved = command.replace("respq serve", f"respq serve --port {self.port}")
        moved = moved.replace("redis-cli", f"redis-cli -p {self.port}")
        assert self._bash.stdin
        self._bash.stdin.write(f"{moved}\necho {shlex.quote(self.END)}\n".encode())
        self._bash.stdin.flush()
        printed = b""
        while not printed.endswith(f"{self.END}\r\n".encode()):
            printed += os.read(self._screen, 4096)
        return printed.decode().replace("\r\n", "\n").removesuffix(f"{self.END}\n").rstrip("\n")

    def close(self) -> None:
        """End bash and all that it started."""
        os.killpg(self._bash.pid, signal.SIGKILL)
        self._bash.communicate()
        os.close(self._screen)


@contextmanager
def shell(directory: Path, port: int) -> Iterator[Shell]:
    """A shell where `.venv` is the environment that runs the tests."""
    (directory / ".venv").symlink_to(sys.prefix)
    opened = Shell(directory, port)
    try:
        yield opened
    finally:
        opened.close()


def command_table() -> str:
    """What the README says between its markers: every command by group, from the Specs."""
    groups: dict[str, list[Spec]] = {}
    for name in sorted(SPECS):
        if not SPECS[name].subcommands:
            groups.setdefault(SPECS[name].group, []).append(SPECS[name])
    parts = []
    for group in sorted(groups):
        rows = [f"| `{usage(spec)}` | {spec.summary} |" for spec in groups[group]]
        title = f"**{group.capitalize()}** ({len(rows)})"
        parts.append("\n".join([title, "", "| command | |", "| --- | --- |", *rows]))
    return "\n" + "\n\n".join(parts) + "\n\n"


def usage(spec: Spec) -> str:
    return f"{spec.name.replace('|', ' ')} {spec.syntax}".rstrip().replace("|", "\\|")


if __name__ == "__main__":
    written = TABLE.sub(lambda _: command_table(), README.read_text(encoding="utf-8"))
    README.write_text(written, encoding="utf-8")
