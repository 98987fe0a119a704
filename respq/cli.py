"""The command line: `respq serve` and `respq ping`.

`serve` takes redis-server's arguments, so click hands them on unread to `respq.config`, whose table of
directives also writes the help. Whatever keeps the server from starting is one line on standard error,
and exit status 1. A server does not pay for redis-py, nor `ping` for the server: both are imported
inside the functions that need them.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from textwrap import fill

import click

from respq import __version__
from respq.config import Config, ConfigError
from respq.config.directives import DIRECTIVES, Directive, Fixed, Inert, Live
from respq.log import Log, complain


@click.group()
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
def serve(arguments: tuple[str, ...]) -> None:
    """Serve until SIGTERM, SIGINT or SHUTDOWN.

    CONFIG_FILE has the format of redis.conf. Directives of the command line come after those of the file.
    """
    file, directives = (
        (arguments[0], arguments[1:])
        if arguments[:1] and not arguments[0].startswith("--")
        else (None, arguments)
    )
    try:
        status = _serve(Config.load(file, directives))
    except ConfigError as error:
        complain(str(error))
        status = 1
    sys.exit(status)


def _serve(config: Config) -> int:
    """Prepare what a server needs, and run it. Raises ConfigError if it cannot start."""
    from respq.lockfile import DirectoryLock, LockedError  # not on Windows

    _enter_directory(config)
    if config.daemonize:
        _go_into_background()
    log = Log(config)
    log.capture()
    try:
        lock = DirectoryLock(config.dir)
    except LockedError as error:
        log.fail(str(error))
        return 1
    _greet(config, log)
    written = _write_pid(config, log)
    try:
        return _run(config, log)
    finally:
        if written is not None:
            written.unlink(missing_ok=True)
        lock.release()


def _run(config: Config, log: Log) -> int:
    from respq.net.server import run

    return run(config, log)


def _enter_directory(config: Config) -> None:
    """Make the data directory if it is missing, and stand in it if it was asked for. Raises ConfigError."""
    directory = Path(config.dir)
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.scandir(directory):
            pass  # it can be read
        if "dir" in config.given:
            os.chdir(directory)
    except OSError as error:
        raise ConfigError(f"cannot use the directory {directory}: {error.strerror}") from None


def _go_into_background() -> None:
    """Leave the terminal: the caller gets its prompt back, and the server has no standard streams."""
    if os.fork():
        os._exit(0)
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    os.close(null)


def _greet(config: Config, log: Log) -> None:
    python = ".".join(map(str, sys.version_info[:3]))
    log.notice(f"respq {__version__} (speaks as Redis 8.2.3, Python {python}, process {os.getpid()})")
    kept = f"appendfsync {config.appendfsync}" if config.appendonly else "appendonly no"
    log.notice(f"Data in {config.dir}, {kept}")
    for warning in config.warnings:
        log.warning(warning)


def _write_pid(config: Config, log: Log) -> Path | None:
    """Write `pidfile`; a server without one still serves."""
    if not config.pidfile:
        return None
    path = Path(config.pidfile).absolute()
    try:
        path.write_text(f"{os.getpid()}\n", encoding="ascii")
    except OSError as error:
        log.warning(f"cannot write the pidfile {path}: {error.strerror}")
        return None
    return path


# -- respq ping ------------------------------------------------------------------------------------


@main.command()
@click.option("--url", default="redis://localhost:6379", show_default=True, metavar="URL",
              help="redis://[user:password@]host:port or unix://[user:password@]/path")  # fmt: skip
@click.option("--timeout", default=2.0, show_default=True, metavar="SECONDS", help="How long to wait.")
def ping(url: str, timeout: float) -> None:
    """Ask a server whether it serves: exit status 0 and PONG, or 1 and the reason.

    A password that URL does not have is taken from the environment variable RESPQ_PASSWORD.
    """
    from redis import Redis
    from redis.backoff import NoBackoff
    from redis.exceptions import RedisError
    from redis.retry import Retry

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
        complain(f"{url}: {error}")
        sys.exit(1)
    click.echo("PONG")
