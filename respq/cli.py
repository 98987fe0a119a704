"""The command line: `respq serve`, `respq ping` and `respq check`.

`serve` takes redis-server's arguments, so click hands them on unread to `respq.serving`, and the table of
directives writes the help. A server does not pay for redis-py, nor `ping` for the server, nor `--version` for
either: all are imported inside the functions that need them.
"""

from __future__ import annotations

import gc
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, NoReturn

import click

from respq import __version__

if TYPE_CHECKING:
    from respq.config.directives import Directive


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, package_name="respq", message="%(prog)s %(version)s")
def main() -> None:
    """A durable queue server that any Redis client can talk to."""
    if sys.platform == "win32":
        raise click.ClickException("respq needs Linux or macOS; on Windows, run it in WSL or in a container")


# -- respq serve -----------------------------------------------------------------------------------


class ServeCommand(click.Command):
    """A command whose options are the directives of the configuration."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Describe the directives, from their table."""
        from respq.config.directives import DIRECTIVES, Fixed, Inert, Live

        rows = [
            (f"--{directive.name} {directive.kind.hint}", f"{directive.about}{_default(directive)}")
            for directive in DIRECTIVES.values()
            if directive.role is Live
        ]
        with formatter.section("Directives"):
            formatter.write_dl(rows, col_max=34)
        for role, title in (
            (Inert, "Accepted, without effect"),
            (Fixed, "Accepted at the value that respq has anyway, and otherwise refused"),
        ):
            names = " ".join(sorted(name for name, directive in DIRECTIVES.items() if directive.role is role))
            with formatter.section(title):
                formatter.write(
                    fill(
                        names,
                        formatter.width - 2,
                        break_on_hyphens=False,
                        initial_indent="  ",
                        subsequent_indent="  ",
                    )
                    + "\n"
                )


def _default(directive: Directive[object]) -> str:
    shown = directive.kind.brief(directive.default)
    return f"  [{shown}]" if shown else ""


@main.command(
    cls=ServeCommand,
    context_settings={"ignore_unknown_options": True, "max_content_width": 110},
    options_metavar="",
)
@click.argument(
    "arguments", nargs=-1, type=click.UNPROCESSED, metavar="[CONFIG_FILE] [--DIRECTIVE VALUE ...]..."
)
def serve(arguments: tuple[str, ...]) -> NoReturn:
    """Serve until SIGTERM, SIGINT or SHUTDOWN.

    CONFIG_FILE has the format of redis.conf. Directives of the command line come after those of the file.
    """
    gc.disable()  # what is imported and loaded is no garbage; the event loop collects when it has time
    from respq.serving import serve as run

    sys.exit(run(arguments))


# -- respq ping ------------------------------------------------------------------------------------


@main.command(short_help="Ask a server whether it is alive.")
@click.option("--url", metavar="URL",
              help="redis://[user:password@]host:port or unix://[user:password@]/path;"
                   " by default the port RESPQ_PORT, or 6379, of this machine")  # fmt: skip
@click.option("--timeout", default=2.0, show_default=True, metavar="SECONDS", help="How long to wait.",
              type=click.FloatRange(0.001, 3600))  # fmt: skip
@click.option("--ready", is_flag=True, help="Fail while the server is loading its data, too.")
def ping(url: str | None, timeout: float, ready: bool) -> None:
    """Ask a server whether it is alive: exit status 0 and PONG, or 1 and the reason.

    A server that is loading its data is alive: exit status 0 and LOADING. It needs to be waited for, not to
    be restarted, which would make it begin again. With --ready it is not good enough.

    A password that URL does not have is taken from the environment variable RESPQ_PASSWORD.
    """
    from redis import Redis
    from redis.backoff import NoBackoff
    from redis.exceptions import BusyLoadingError, RedisError
    from redis.retry import Retry

    from respq.log import complain

    url = url or f"redis://localhost:{os.environ.get('RESPQ_PORT') or 6379}"
    answer = "PONG"
    try:
        client = Redis.from_url(
            url,
            password=os.environ.get("RESPQ_PASSWORD"),  # one in the URL comes first
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
        )
        client.ping()
    except (RedisError, OSError, ValueError) as error:
        if ready or not isinstance(error, BusyLoadingError):
            complain(f"{re.sub('//.*@', '//', url)}: {error}")  # without the password
            sys.exit(1)
        answer = "LOADING"
    click.echo(answer)


# -- respq check -----------------------------------------------------------------------------------


@main.command()
@click.argument("path", type=click.Path(exists=True, path_type=Path), metavar="PATH")
@click.option("--fix", is_flag=True, help="Cut off what cannot be loaded at the end of the log.")
@click.option("--truncate-to-timestamp", "second", type=int, metavar="UNIX-TIME",
              help="Tell what to cut off for a log with times in it to end then; --fix does it.")  # fmt: skip
@click.option("--appendfilename", default="appendonly.aof", show_default=True, metavar="NAME",
              help="The name that the log has in a directory.")  # fmt: skip
@click.option("--dbfilename", default="dump.rdb", show_default=True, metavar="NAME",
              help="The name that the snapshot has there.")  # fmt: skip
def check(path: Path, fix: bool, second: int | None, appendfilename: str, dbfilename: str) -> None:
    """Check an append-only file or a snapshot without starting a server.

    PATH is a data directory, a manifest, one file of a log, or a snapshot. Each file is read as a server
    would read it, and not executed. Exit status 0: all can be loaded. 1: it cannot, or only after cutting the
    end of the log, which --fix does; nothing but the end of its last file is ever cut, and not while a server
    uses the directory.
    """
    from respq.clock import Clock
    from respq.effects.check import OF_SNAPSHOTS, at_time, check_data, cut, incurable
    from respq.effects.files import AofError, Files
    from respq.log import complain
    from respq.words import counted

    files = Files()
    try:
        verdicts, snapshots = check_data(files, path, appendfilename, dbfilename, Clock().now_ms)
        for verdict in (*verdicts, *snapshots):
            click.echo("\n  ".join(verdict.lines()))
        damaged = [verdict.path for verdict in snapshots if verdict.problem]
        if fix and damaged:
            complain(f"{damaged[0]}: is not cut, because {OF_SNAPSHOTS}: restore it from a backup")
        last = verdicts[-1] if verdicts else None
        if not any(verdict.problem for verdict in verdicts):
            last = None if second is None else at_time(files, verdicts, second)
            if last is None:
                sys.exit(bool(damaged))
        elif why := incurable(files, verdicts):
            complain(f"{why}: restore it from a backup")
            sys.exit(1)
        assert last is not None
        behind = counted(last.commands, "command") if last.problem else f"the time {second}"
        loss = f"{counted(last.excess, 'byte')} behind {behind}"
        if not fix:
            complain(f"--fix would cut off {loss}")
            sys.exit(1)
        with _reserved(last.path.absolute().parent.parent):
            cut(files, last)
        click.echo(f"{last.path}: cut off {loss}")
        sys.exit(bool(damaged))
    except AofError as error:
        complain(str(error))
        sys.exit(1)
    except OSError as error:
        complain(f"{error.filename or path}: {error.strerror}")
        sys.exit(1)


@contextmanager
def _reserved(directory: Path) -> Iterator[None]:
    """Keep servers away from a data directory. Exits if one uses it; one without a lock is nobody's."""
    from respq.config.places import LOCK
    from respq.lockfile import DirectoryLock, LockedError
    from respq.log import complain

    if not (directory / LOCK).exists():
        yield
        return
    try:
        lock = DirectoryLock(str(directory))
    except LockedError as error:
        complain(str(error))
        sys.exit(1)
    try:
        yield
    finally:
        lock.release()
