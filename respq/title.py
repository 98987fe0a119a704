"""The title of the process, as `ps` shows it: `set-proc-title` and `proc-title-template`.

Written by the library setproctitle, over the words of the command line (0.4 ms with its import). As in
redis-server 8.2.3, a template must leave something without the title, and one that CONFIG SET gives is shown
whatever `set-proc-title` says. `{title}` is `respq`; child processes have the title of the server.
"""

from __future__ import annotations

import re

from setproctitle import setproctitle

from respq.config import Config, ConfigError
from respq.config.directives import INVALID_TITLE, TITLE_VARIABLES
from respq.config.kinds import encoded

_BRACE = re.compile(r"\{(?:\{|(" + "|".join(TITLE_VARIABLES) + r")\})")


def title_of(config: Config) -> str:
    """The template with what it names. Raises ConfigError if that is nothing but the name."""
    values = {
        "listen-addr": _listens_at(config),
        "server-mode": "",  # neither a Sentinel nor in a cluster
        "port": str(config.port),
        "tls-port": str(config.tls_port),
        "unixsocket": config.unixsocket,
        "config-file": str(config.file or "-"),
    }
    if not _filled(config.proc_title_template, {**values, "title": ""}):
        raise ConfigError(INVALID_TITLE)
    return _filled(config.proc_title_template, {**values, "title": "respq"})


def _filled(template: str, values: dict[str, str]) -> str:
    return _BRACE.sub(lambda found: values[found[1]] if found[1] else "{", template).strip()


def _listens_at(config: Config) -> str:
    if config.port or not config.unixsocket:
        return f"{config.bind[0] if config.bind else '*'}:{config.port}"
    return f"unixsocket:{config.unixsocket}"


def printable(title: str) -> str:
    """What the library can write of a title: it knows no bytes that are not UTF-8."""
    return encoded(title).decode(errors="replace")


def keep_shown(config: Config) -> None:
    """Show the title from now on, as the configuration has it. Raises ConfigError."""

    def show() -> None:
        setproctitle(printable(title_of(config)))

    def show_if_wanted() -> None:
        if config.set_proc_title:
            show()

    show_if_wanted()
    config.on_change("proc-title-template", show)
    for name in ("bind", "port"):
        config.on_change(name, show_if_wanted)
