"""Which files directives must not name, because the server has them for something else."""

from __future__ import annotations

from pathlib import Path

import pytest

from respq.config import Config, ConfigError
from respq.config.places import check_places


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory to stand in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("--dbfilename respq.lock", "dbfilename and the lock of the server would be one file: {}/respq.lock"),
        ("--appenddirname respq.lock",
         "appenddirname and the lock of the server would be one file: {}/respq.lock"),
        ("--dbfilename appendonlydir", "dbfilename and appenddirname would be one file: {}/appendonlydir"),
        ("--dbfilename backupdir", "dbfilename and backupdirname would be one file: {}/backupdir"),
        ("--aclfile respq.lock", "aclfile and the lock of the server would be one file: {}/respq.lock"),
        ("--aclfile ../data/dump.rdb", "aclfile and dbfilename would be one file: {}/dump.rdb"),
        ("--aclfile there/dump.rdb", "aclfile and dbfilename would be one file: {}/dump.rdb"),
        ("--logfile respq.lock", "logfile and the lock of the server would be one file: {}/respq.lock"),
        ("--pidfile dump.rdb", "pidfile and dbfilename would be one file: {}/dump.rdb"),
        ("--unixsocket appendonlydir", "unixsocket and appenddirname would be one file: {}/appendonlydir"),
        ("--logfile temp-dump.rdb",
         "logfile and the snapshot while it is written would be one file: {}/temp-dump.rdb"),
    ],
)  # fmt: skip
def test_two_uses_of_one_file_are_refused(
    arguments: str, reason: str, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = here / "data"
    data.mkdir()
    (data / "there").symlink_to(data)
    monkeypatch.chdir(data)
    config = Config.load(None, ["--dir", ".", *arguments.split()])
    with pytest.raises(ConfigError) as caught:
        check_places(config)
    assert str(caught.value) == reason.format(data)


def test_the_configuration_file_is_not_overwritten(here: Path) -> None:
    Path("dump.rdb").write_text("dir .\n")
    with pytest.raises(ConfigError) as caught:
        check_places(Config.load("dump.rdb"))
    assert str(caught.value) == f"the configuration file and dbfilename would be one file: {here}/dump.rdb"


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    "arguments", ["", "--aclfile users.acl --logfile /dev/null --pidfile /dev/null", "--appenddirname .",
                  "--appendfilename respq.lock", "--aclfile respq.lock"]
)  # fmt: skip
def test_everything_else_is_free(arguments: str) -> None:
    check_places(Config.load(None, arguments.split()))  # the data are in respq-data
