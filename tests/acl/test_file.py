"""The ACL file, and users in the configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from respq.clock import ManualClock
from respq.config import Config, ConfigError
from respq.engine import Engine
from tests.conftest import START_MS, Peer

OK = b"+OK\r\n"
DEFAULT = "user default on nopass sanitize-payload ~* &* +@all\n"
UNKNOWN = "Error in applying operation '+zz': Unknown command or category name in ACL."
NOTHING_CHANGED = "WARNING: ACL errors detected, no change to the previously active ACL rules was performed"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "users.acl"


@pytest.fixture
def peer(path: Path) -> Peer:
    """A connection to a server with an ACL file."""
    path.write_text("user ann on nopass ~a* &c* +@all\n")
    return connect("--aclfile", str(path))


def connect(*arguments: str, file: Path | None = None) -> Peer:
    config = Config.load(None if file is None else str(file), ["--appendonly", "no", *arguments])
    return Peer(Engine(config, ManualClock(START_MS)))


def other(peer: Peer) -> Peer:
    return Peer(peer.engine)


def test_a_server_starts_with_the_users_of_its_file(peer: Peer) -> None:
    assert peer.send("ACL", "USERS") == b"*2\r\n$3\r\nann\r\n$7\r\ndefault\r\n"
    peer.send("AUTH", "ann", "x")
    assert peer.send("GET", "x").startswith(b"-NOPERM")


def test_what_was_saved_is_loaded_again(peer: Peer, path: Path) -> None:
    peer.send("ACL", "SETUSER", "bob", *["on", ">secret", "~x", "%R~y", "+@read", "-get", "(+set", "~z)"])
    assert peer.send("ACL", "SAVE") == OK
    saved = path.read_text()
    assert saved.endswith(DEFAULT)
    assert "secret" not in saved
    assert path.stat().st_mode & 0o777 == 0o644
    users = peer.send("ACL", "LIST")
    peer.send("ACL", "DELUSER", "bob")
    assert peer.send("ACL", "LOAD") == OK
    assert peer.send("ACL", "LIST") == users


def test_a_file_that_is_new_is_for_its_owner_alone(peer: Peer, path: Path) -> None:
    path.unlink()
    assert peer.send("ACL", "SAVE") == OK
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("text", "mistakes"),
    [
        ("# users\n", ["{}:1 should start with user keyword followed by the username."]),
        ("user\n\n USER x\n", ["{}:1 should start with user keyword followed by the username.",
                               "{}:3 should start with user keyword followed by the username."]),
        ("user a on\nuser a off\n", ["WARNING: Duplicate user 'a' found on line 2."]),
        ("user a\ton\n", ["'{}:1: username 'a\ton' contains invalid characters."]),
        ("user a nope +zz off zz\n", ["{}:1: Syntax error.", f"{{}}:1: {UNKNOWN}"]),
        ("user a on (+get ~x\n", ["{}:1: Unmatched parenthesis in acl selector starting at '(+get'."]),
    ],
)  # fmt: skip
def test_everything_wrong_is_told_and_nothing_changed(
    text: str, mistakes: list[str], peer: Peer, path: Path
) -> None:
    before = peer.send("ACL", "LIST")
    path.write_text(text)
    said = " ".join([*(mistake.format(path) for mistake in mistakes), NOTHING_CHANGED])
    assert peer.send("ACL", "LOAD") == f"-ERR {said}\r\n".encode()
    assert peer.send("ACL", "LIST") == before
    with pytest.raises(ConfigError) as refusal:
        connect("--aclfile", str(path))
    assert str(refusal.value) == f"aclfile: {said}"


def test_lines_may_be_comments_from_8_8_on(path: Path) -> None:
    path.write_text("# those who work\nuser ann on nopass ~a* +@all\n\n  #user bob on\n")
    with pytest.raises(ConfigError, match="should start with user keyword"):
        connect("--aclfile", str(path), "--compat-version", "8.6.6")
    peer = connect("--aclfile", str(path), "--compat-version", "8.8.2")
    assert peer.send("ACL", "LOAD") == OK
    assert peer.send("ACL", "USERS") == b"*2\r\n$3\r\nann\r\n$7\r\ndefault\r\n"
    assert peer.send("ACL", "SAVE") == OK
    assert "#" not in path.read_text()


def test_a_file_that_is_not_there_is_named(peer: Peer, path: Path) -> None:
    path.unlink()
    reply = f"-ERR Error loading ACLs, opening file '{path}': No such file or directory\r\n"
    assert peer.send("ACL", "LOAD") == reply.encode()
    peer.engine.server.config.aclfile = str(path.parent / "none" / "users.acl")
    assert peer.send("ACL", "SAVE").startswith(b"-ERR There was an error trying to save the ACLs. Please ")


def test_loading_takes_effect_on_connections(peer: Peer, path: Path) -> None:
    ann, bob, listener = other(peer), other(peer), other(peer)
    peer.send("ACL", "SETUSER", "bob", "on", "nopass", "+@all")
    ann.send("AUTH", "ann", "x")
    bob.send("AUTH", "bob", "x")
    listener.feed(b"HELLO 3\r\nAUTH ann x\r\nSUBSCRIBE c1\r\n")
    path.write_text("user ann on nopass ~* &d +@all\nuser default on >pass\n")
    assert peer.send("ACL", "LOAD") == OK
    closing = peer.engine.server.closing
    assert [each.client in closing for each in (ann, bob, listener)] == [False, True, True]
    assert ann.send("GET", "x") == b"$-1\r\n"
    assert peer.send("GET", "x").startswith(b"-NOPERM User default")
    assert other(peer).send("PING") == b"-NOAUTH Authentication required.\r\n"


def test_a_file_says_nothing_of_default_and_neither_does_requirepass(path: Path) -> None:
    path.write_text("user ann on\n")
    peer = connect("--aclfile", str(path), "--requirepass", "secret")
    assert peer.send("ACL", "LIST").endswith(DEFAULT.strip().encode() + b"\r\n")


@pytest.mark.parametrize("command", ["LOAD", "SAVE"])
def test_without_a_file_there_is_nothing_to_load_or_save(command: str) -> None:
    assert (
        connect()
        .send("ACL", command)
        .startswith(b"-ERR This Redis instance is not configured to use an ACL file.")
    )


# -- lines of the configuration --------------------------------------------------------------------


def test_users_stand_in_the_configuration(tmp_path: Path) -> None:
    file = tmp_path / "r.conf"
    file.write_text(
        'requirepass secret\nuser ann on >pass ~a* ( +set "~x" )\nUSER default on >other +@all ~*\n'
    )
    peer = connect(file=file)
    assert peer.send("AUTH", "secret").startswith(b"-WRONGPASS")
    assert peer.send("AUTH", "other") == OK
    assert b" ~a* resetchannels -@all (~x resetchannels -@all +set)\r\n" in peer.send("ACL", "LIST")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("user", "user: wrong number of arguments"),
        ("user default off", "user: default is defined twice"),
        ('user "a b" on', "user: names have neither blanks nor zero bytes in them"),
        ("user ann on +nope", "user ann: +nope: Unknown command or category name in ACL"),
        ("user ann (+get", "user ann: Unmatched parenthesis in acl selector starting at '(+get'."),
    ],
)
def test_a_line_that_is_wrong_is_named(line: str, reason: str, tmp_path: Path) -> None:
    file = tmp_path / "r.conf"
    file.write_text(f"user default on nopass +@all\n{line}\n")
    with pytest.raises(ConfigError) as refusal:
        connect(file=file)
    assert str(refusal.value) == f"{file}:2: {reason}"


def test_users_are_defined_in_one_place(tmp_path: Path, path: Path) -> None:
    path.write_text("")
    with pytest.raises(ConfigError, match="by `aclfile` or by `user` lines, not by both"):
        connect("--aclfile", str(path), "--user", "ann", "on")


def test_config_rewrite_writes_the_users_that_there_are(tmp_path: Path) -> None:
    file = tmp_path / "r.conf"
    file.write_text("user zoe on nopass\n# more\nuser bob off\n")
    peer = connect(file=file)
    peer.send("ACL", "DELUSER", "zoe")
    peer.send("ACL", "SETUSER", "ann", "on", '~"quoted', "~it's", "(~x", "+get)")
    assert peer.send("CONFIG", "REWRITE") == OK
    text = file.read_text()
    assert text.startswith("user ann on ")
    assert "\n# more\nuser bob off " in text
    assert text.endswith(DEFAULT)
    assert connect(file=file).send("ACL", "LIST") == peer.send("ACL", "LIST")


def test_config_rewrite_leaves_users_to_the_acl_file(peer: Peer, path: Path, tmp_path: Path) -> None:
    file = tmp_path / "r.conf"
    file.write_text(f"aclfile {path}\n")
    again = connect(file=file)
    assert again.send("CONFIG", "REWRITE") == OK
    assert "user" not in file.read_text().replace(str(path), "")
