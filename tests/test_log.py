"""Log lines: what they look like, which are written, and where they go."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from respq.config import Config, ConfigError
from respq.log import LEVELS, Log


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """A configuration that logs to a file."""
    config = Config()
    config.set({"logfile": str(tmp_path / "log")}, at_start=True)
    return config


@pytest.fixture
def captured(config: Config) -> Iterator[Log]:
    """A log that takes what comes through `logging`."""
    log = Log(config)
    logger = logging.getLogger("respq")
    before = logger.handlers, logger.propagate, logger.level
    log.capture()
    yield log
    logger.handlers, logger.propagate = before[:2]
    logger.setLevel(before[2])


def lines(config: Config) -> list[str]:
    return Path(config.logfile).read_text(encoding="utf-8").splitlines()


def without_time(config: Config) -> list[str]:
    return [line.split(" ", 2)[2] for line in lines(config)]


def test_a_line_has_time_level_and_message(config: Config) -> None:
    Log(config).notice("hello → there")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} notice hello → there", lines(config)[0])


def test_loglevel_counts_at_the_moment_of_writing(config: Config) -> None:
    log = Log(config)
    for loglevel in LEVELS:
        config.set({"loglevel": loglevel})
        for level in LEVELS[:-1]:
            log.write(level, loglevel)
    assert without_time(config) == [
        f"{level} {loglevel}" for n, loglevel in enumerate(LEVELS) for level in LEVELS[n:-1]
    ]


def test_a_file_is_continued(config: Config) -> None:
    Log(config).notice("one")
    Log(config).warning("two")
    assert without_time(config) == ["notice one", "warning two"]


def test_reopening_follows_the_name_and_not_the_moved_file(config: Config) -> None:
    log = Log(config)
    log.notice("before")
    Path(config.logfile).rename(config.logfile + ".1")
    log.notice("still there")
    log.reopen()
    log.notice("after")
    assert without_time(config) == ["notice after"]
    assert len(Path(config.logfile + ".1").read_text().splitlines()) == 2


def test_a_file_that_cannot_be_reopened_leaves_the_old_one_in_use(config: Config) -> None:
    log = Log(config)
    Path(config.logfile).rename(config.logfile + ".1")
    Path(config.logfile).mkdir()
    log.reopen()
    moved = Path(config.logfile + ".1").read_text()
    assert "cannot open the log file" in moved
    assert "going on with the old one" in moved


def test_a_file_that_cannot_be_opened_is_named(config: Config, tmp_path: Path) -> None:
    config.set({"logfile": str(tmp_path / "none" / "log")}, at_start=True)
    with pytest.raises(ConfigError, match=r"cannot open the log file .*/none/log: No such file or directory"):
        Log(config)


def test_without_a_file_lines_go_to_standard_output(capfd: pytest.CaptureFixture[str]) -> None:
    log = Log(Config())
    log.notice("hello")
    log.reopen()
    assert capfd.readouterr().out.endswith(" notice hello\n")


def test_a_failure_is_told_to_the_log_and_to_whoever_started_the_server(
    config: Config, capfd: pytest.CaptureFixture[str]
) -> None:
    Log(config).fail("no port")
    assert without_time(config) == ["warning no port"]
    assert capfd.readouterr().err == "respq: no port\n"


def test_a_full_disk_loses_lines_and_nothing_else(config: Config) -> None:
    if not Path("/dev/full").exists():
        config.set({"logfile": os.devnull}, at_start=True)
    else:
        config.set({"logfile": "/dev/full"}, at_start=True)
    Log(config).warning("lost")


def test_what_modules_log_through_logging_arrives_with_its_level(config: Config, captured: Log) -> None:
    logger = logging.getLogger("respq.effects")
    logger.debug("a %d", 1)
    logger.info("b")
    logger.warning("c")
    logger.error("d")
    config.set({"loglevel": "debug"})
    logger.debug("e")
    assert without_time(config) == ["notice b", "warning c", "warning d", "debug e"]
