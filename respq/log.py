"""Log lines: `2026-01-31 23:59:59.123 notice Ready to accept connections`, to standard output or a file.

Levels are those of the directive `loglevel`: debug, verbose, notice, warning. A line is one write(2) of
UTF-8, whatever the locale is, to a file opened for appending, so lines of two processes do not mix. A
log that cannot be written loses lines and disturbs nobody. SIGHUP has the file reopened (`reopen`),
after logrotate has moved the old one away.

Modules to the right of this one have no Log at hand; they use Python's `logging`, and `capture` brings
their records here.
"""

from __future__ import annotations

import logging
import os
import traceback
from pathlib import Path

from respq.clock import Clock
from respq.config import Config, ConfigError

LEVELS = ("debug", "verbose", "notice", "warning", "nothing")
STDOUT, STDERR = 1, 2


class Log:
    """Where `config.logfile` points, down to the level that `config.loglevel` has at the moment."""

    def __init__(self, config: Config) -> None:
        """Open the file, if there is one. Raises ConfigError if that fails."""
        self._config = config
        self._clock = Clock()
        self._path = Path(config.logfile).absolute() if config.logfile else None
        self._descriptor = STDOUT if self._path is None else _open(self._path)

    def write(self, level: str, line: str) -> None:
        """Log one line; `level` is one of LEVELS."""
        if LEVELS.index(level) >= LEVELS.index(self._config.loglevel):
            self._clock.refresh()
            _write(self._descriptor, f"{self._clock.local_time()} {level} {line}\n")

    def verbose(self, line: str) -> None:
        """What is seldom of use."""
        self.write("verbose", line)

    def notice(self, line: str) -> None:
        """What an operator wants to read afterwards."""
        self.write("notice", line)

    def warning(self, line: str) -> None:
        """What an operator has to know."""
        self.write("warning", line)

    def fail(self, line: str) -> None:
        """Say why the server stops: in the log, and to whoever started it if the log goes elsewhere."""
        if self._path is not None:
            self.warning(line)
        complain(line)

    def fail_unexpectedly(self, error: BaseException) -> None:
        """As `fail`, for a bug: where it happened goes to the log, whoever started the server gets a line."""
        self.warning("".join(traceback.format_exception(error)).rstrip("\n"))
        self.fail(f"stopped by an unexpected error: {type(error).__name__}: {error}")

    def reopen(self) -> None:
        """Go on in a new file if the old one has been moved away; without a file nothing happens."""
        if self._path is None:
            return
        try:
            descriptor = _open(self._path)
        except ConfigError as error:
            self.warning(f"{error}; going on with the old one")
            return
        os.close(self._descriptor)
        self._descriptor = descriptor

    def capture(self) -> None:
        """Take over what modules of respq log through `logging`."""
        logger = logging.getLogger("respq")
        logger.handlers = [_Handler(self)]
        logger.propagate = False
        logger.setLevel(logging.DEBUG)


class _Handler(logging.Handler):
    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        level = "debug" if record.levelno < logging.INFO else "notice"
        self._log.write("warning" if record.levelno >= logging.WARNING else level, record.getMessage())


def complain(line: str) -> None:
    """Tell whoever started respq why it does not go on."""
    _write(STDERR, f"respq: {line}\n")


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise ConfigError(f"cannot open the log file {path}: {error.strerror}") from None


def _write(descriptor: int, text: str) -> None:
    try:
        os.write(descriptor, text.encode("utf-8", "surrogateescape"))
    except OSError:
        pass
