"""The README as tests read it: its fenced blocks, its sessions, and the tables that are generated.

`python -m tests.readme` writes the tables anew.
"""

from __future__ import annotations

import os
import pty
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from respq.command import Spec
from respq.commands import SPECS
from respq.config.directives import DIRECTIVES, Live

README = Path(__file__).parent.parent / "README.md"
GENERATED = re.compile(r"(<!-- (\w+):start -->\n).*?(<!-- \2:end -->)", re.DOTALL)
TOUR = "With redis-cli"  # headings with sessions that are run
QUEUE = "A work queue that loses nothing"
CELERY = "Celery, unchanged"
RQ = "RQ, unchanged"
USERS = ("Configuration", "text")  # lines of an ACL file
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


def write_programs(heading: str, directory: Path) -> None:
    """Save the Python programs under a heading, each under the name in its first line."""
    for text in under(heading, "python"):
        name = text.partition("\n")[0].removeprefix("# ")
        (directory / name).write_text(text, encoding="utf-8")


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
    except BaseException as error:
        for log in (directory / "stderr", *sorted(directory.glob("*.log"))):
            error.add_note(f"{log.name}:\n{log.read_text(encoding='utf-8')}")
        raise
    finally:
        opened.close()


def commands() -> str:
    """Every command by group, from the Specs."""
    groups: dict[str, list[Spec]] = {}
    for name in sorted(SPECS):
        if not SPECS[name].subcommands:
            groups.setdefault(SPECS[name].group, []).append(SPECS[name])
    tables = []
    for group in sorted(groups):
        rows = [(code(usage(spec)), spec.docs.summary) for spec in groups[group]]
        tables.append(f"**{group.capitalize()}** ({len(rows)})\n\n{table(('command', ''), rows)}")
    return "\n\n".join(tables)


def usage(spec: Spec) -> str:
    syntax = re.sub(r"\s*\|\s*", "|", spec.docs.syntax)
    return f"{spec.name.replace('|', ' ')} {syntax}".rstrip()


def directives() -> str:
    """What can be configured, from the table of directives."""
    rows = [
        (
            code(f"{name} {directive.kind.hint}"),
            code(directive.kind.brief(directive.default)),
            directive.about,
        )
        for name, directive in DIRECTIVES.items()
        if directive.role is Live
    ]
    return table(("directive", "default", ""), rows)


def code(text: str) -> str:
    return f"`{text}`" if text else ""


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def regenerated(text: str) -> str:
    """The README with what stands between its markers made anew."""
    made = {"commands": commands, "directives": directives}
    return GENERATED.sub(lambda match: f"{match[1]}\n{made[match[2]]()}\n\n{match[3]}", text)


if __name__ == "__main__":
    README.write_text(regenerated(README.read_text(encoding="utf-8")), encoding="utf-8")
