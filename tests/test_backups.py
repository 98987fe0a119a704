"""BACKUP: what a sealed backup holds, what STATUS says, and what goes wrong on the way."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest

from respq.effects.files import AofError
from tests.conftest import DIRECTORY, Data, Kept, Peer
from tests.effects.disk import Disk
from tests.resp import OK, decoded, encode

BACKUP = Path("/data/backupdir")
MANIFEST = BACKUP / "appendonly.aof.manifest"
BOTH = pytest.mark.parametrize("appendonly", ["yes", "no"])


def turn(kept: Kept, ms: int = 100) -> None:
    """What the loop does at the end of a turn, and the thread that syncs."""
    kept.persistence.cron(kept.clock.now_ms)
    kept.persistence.flush(kept.clock.now_ms)
    if kept.server.aof is not None:
        kept.server.aof.writer._syncer.wait()
    kept.clock.advance(ms)


def status(peer: Peer) -> dict[str, Any]:
    flat = decoded(peer.send("BACKUP", "STATUS"))
    return dict(zip(flat[::2], flat[1::2], strict=True))


def incrementing(kept: Kept) -> Peer:
    """Start a backup, and have its base pinned."""
    peer = kept.peer()
    assert peer.send("BACKUP", "START") == OK
    for _ in range(4):
        turn(kept)
    assert status(peer)["state"] == "incrementing"
    return peer


def sealed(kept: Kept, peer: Peer) -> None:
    assert peer.send("BACKUP", "SEAL") == b""
    replies = b""
    for _ in range(3):
        turn(kept)
        replies += peer.take()
    assert replies == OK


def restored(kept: Kept) -> Data:
    """The data of a server that starts on a copy of the backup."""
    disk = Disk()
    for name in kept.disk.names(BACKUP):
        disk.put(DIRECTORY / name, kept.disk.get(BACKUP / name))
    return Kept(disk).data()


def lists(peer: Peer) -> list[str]:
    paths: list[str] = decoded(peer.send("BACKUP", "LIST"))
    return paths


# -- the way of one that succeeds ------------------------------------------------------------------


@BOTH
def test_a_sealed_backup_has_what_there_was_when_it_was_sealed(appendonly: str) -> None:
    kept = Kept(appendonly=appendonly)
    ann = kept.peer()
    ann.send("SET", "before", 1)
    ann.feed(encode("SELECT", 3) + encode("RPUSH", "l", "a") + encode("SELECT", 0))
    bob = incrementing(kept)
    ann.send("SET", "meanwhile", 1)
    ann.feed(encode("SELECT", 3) + encode("RPUSH", "l", "b"))
    turn(kept)
    then = kept.data()
    sealed(kept, bob)
    ann.send("RPUSH", "l", "after")
    turn(kept)
    assert restored(kept) == then != kept.data()
    assert set(then) == {0, 3}
    if appendonly == "yes":
        assert kept.replays()
    else:
        assert kept.server.aof is None


@BOTH
def test_status_and_list_tell_how_far_it_is(appendonly: str) -> None:
    kept = Kept(appendonly=appendonly)
    ann = kept.peer()
    began = kept.clock.now_ms // 1000
    assert status(ann) == {"state": "idle", "error": "", "start_time": "0", "end_time": "0"}
    assert lists(ann) == []
    ann.send("BACKUP", "START")
    assert status(ann) == {"state": "pending", "error": "", "start_time": str(began), "end_time": "0"}
    turn(kept)
    assert (status(ann)["state"], lists(ann)) == ("snapshotting", [])
    kept.clock.advance(5000)
    turn(kept)
    turn(kept)
    number = 2 if appendonly == "yes" else 1  # a log that is begun for the backup has no base before
    base, increment = (f"/data/backupdir/appendonly.aof.{number}.{kind}" for kind in ("base.rdb", "incr.aof"))
    assert (status(ann)["state"], lists(ann)) == ("incrementing", [base])
    sealed(kept, ann)
    assert status(ann) == {
        "state": "sealed", "error": "", "start_time": str(began), "end_time": str(began + 5),
    }  # fmt: skip
    assert lists(ann) == [base, increment, str(MANIFEST)]
    assert kept.disk.names(BACKUP) == [path.rpartition("/")[2] for path in lists(ann)]
    assert ann.send("BACKUP", "CLEANUP") == OK
    assert status(ann)["state"] == "idle"
    assert lists(ann) == kept.disk.names(BACKUP) == []


def test_in_resp3_status_is_a_map_of_strings() -> None:
    ann = Kept().peer()
    ann.send("HELLO", 3)
    assert ann.send("BACKUP", "STATUS") == (
        b"%4\r\n$5\r\nstate\r\n$4\r\nidle\r\n$5\r\nerror\r\n$0\r\n\r\n"
        b"$10\r\nstart_time\r\n$1\r\n0\r\n$8\r\nend_time\r\n$1\r\n0\r\n"
    )


@pytest.mark.parametrize(("version", "shown"), [("8.8.2", False), ("8.10.1", True)])
def test_info_tells_that_one_is_in_progress_as_redis_8_10_does(version: str, shown: bool) -> None:
    kept = Kept(**{"compat-version": version})
    ann = kept.peer()
    assert (b"backup_in_progress:0\r\n" in ann.send("INFO", "persistence")) == shown
    incrementing(kept)
    assert (b"backup_in_progress:1\r\n" in ann.send("INFO", "persistence")) == shown
    sealed(kept, ann)
    assert (b"backup_in_progress:0\r\n" in ann.send("INFO", "persistence")) == shown


def test_a_rewrite_that_goes_on_already_is_joined() -> None:
    kept = Kept()
    ann = kept.peer()
    ann.send("BGREWRITEAOF")
    turn(kept)
    ann.send("SET", "since", 1)
    ann.send("BACKUP", "START")
    assert status(ann)["state"] == "snapshotting"
    turn(kept)
    turn(kept)
    assert status(ann)["state"] == "incrementing"
    sealed(kept, ann)
    assert restored(kept) == kept.data()
    assert kept.server.saves.rewrites.finished == 1


@BOTH
def test_another_child_comes_first(appendonly: str) -> None:
    kept = Kept(appendonly=appendonly)
    kept.persistence.dumps.take_snapshot = kept.persistence.take_snapshot
    ann = kept.peer()
    ann.send("SET", "a", 1)
    turn(kept)
    assert ann.send("BGSAVE").startswith(b"+Background saving started")
    ann.send("BACKUP", "START")
    turn(kept)
    assert status(ann)["state"] == "pending"
    for _ in range(3):
        turn(kept)
    assert status(ann)["state"] in ("snapshotting", "incrementing")


def test_a_backup_without_a_log_says_nothing_of_one() -> None:
    kept = Kept(appendonly="no", **{"auto-aof-rewrite-min-size": "1", "auto-aof-rewrite-percentage": "1"})
    ann = incrementing(kept)
    info = ann.send("INFO", "persistence")
    assert b"aof_enabled:0\r\n" in info
    assert b"aof_current_size" not in info
    assert b"WAITAOF cannot be used" in ann.send("WAITAOF", 1, 0, 0)
    assert ann.send("BGREWRITEAOF").startswith(b"-ERR Can't execute an AOF background rewriting")
    assert ann.send("CONFIG", "GET", "appendonly") == b"*2\r\n$10\r\nappendonly\r\n$2\r\nno\r\n"
    for number in range(50):
        ann.send("SET", "key", number)
        turn(kept)
    assert status(ann)["state"] == "incrementing"


# -- what the seal promises ------------------------------------------------------------------------


@BOTH
def test_what_is_answered_before_the_seal_is_in_the_backup(appendonly: str) -> None:
    """In the same turn, too, and by another client: the seal is at its end."""
    kept = Kept(appendonly=appendonly, appendfsync="always")
    ann = incrementing(kept)
    bob = kept.peer()
    ann.feed(encode("SET", "a", 1) + encode("BACKUP", "SEAL") + encode("SET", "later", 1))
    replies = {"ann": OK, "bob": b""}
    done: list[Data] = []
    for number in range(4):
        replies["bob"] += bob.send("SET", f"b{number}", 1)
        done.append(kept.data())
        turn(kept)
        if ann.take():
            break
    kept.resume_clients()
    assert b"later" in kept.data()[0]
    found = restored(kept)
    assert found == done[-1]
    assert found[0].keys() >= {b"a", *(b"b%d" % number for number in range(len(done)))}
    assert b"later" not in found[0]


def test_what_is_logged_as_a_whole_is_never_divided() -> None:
    kept = Kept(**{"enable-debug-command": "yes"})
    ann = incrementing(kept)
    for words in (["MULTI"], ["INCR", "n"], ["BACKUP", "SEAL"], ["INCR", "n"]):
        ann.send(*words)
    assert b"-ERR BACKUP SEAL is not possible in a transaction or a script" in ann.send("EXEC")
    assert status(ann)["state"] == "incrementing"
    ann.send("DEBUG", "SET-DISABLE-DENY-SCRIPTS", 1)
    reply = ann.send("EVAL", "redis.call('INCR', 'n'); return redis.call('BACKUP', 'SEAL')", 0)
    assert reply.startswith(b"-ERR BACKUP SEAL is not possible")


def test_several_who_seal_are_answered_together() -> None:
    kept = Kept()
    ann, bob = incrementing(kept), kept.peer()
    assert ann.send("BACKUP", "SEAL") == bob.send("BACKUP", "SEAL") == b""
    for _ in range(3):
        turn(kept)
    assert ann.take() == bob.take() == OK
    stats = ann.send("INFO", "commandstats")
    assert b"cmdstat_backup|seal:calls=2," in stats


def test_who_seals_and_is_unblocked_or_gone_leaves_the_seal_to_itself() -> None:
    kept = Kept()
    ann, bob = incrementing(kept), kept.peer()
    ann.send("BACKUP", "SEAL")
    bob.send("CLIENT", "UNBLOCK", ann.client.id)
    assert ann.take().startswith(b"-ERR BACKUP SEAL goes on")
    for _ in range(3):
        turn(kept)
    assert status(bob)["state"] == "sealed"


# -- what does not fit -----------------------------------------------------------------------------


def test_a_command_that_does_not_fit_says_what_would() -> None:
    kept = Kept()
    ann = kept.peer()

    def refused(*words: str) -> str:
        reply = ann.send("BACKUP", *words)
        assert reply.startswith(b"-ERR "), reply
        return reply.decode()

    assert "would have to be incrementing, and is idle" in refused("SEAL")
    assert "there is no backup in progress" in refused("ABORT")
    assert ann.send("BACKUP", "CLEANUP") == OK  # nothing to be cleaned is clean
    ann.send("BACKUP", "START")
    assert "a backup is in progress already: it is pending" in refused("START")
    assert "would have to be incrementing, and is pending" in refused("SEAL")
    assert "it is pending; BACKUP ABORT gives it up" in refused("CLEANUP")
    for _ in range(4):
        turn(kept)
    assert "already: it is incrementing" in refused("START")
    sealed(kept, ann)
    assert "copy it, then BACKUP CLEANUP" in refused("START")
    assert "BACKUP CLEANUP removes it" in refused("ABORT")
    assert "and is sealed" in refused("SEAL")
    assert refused("NONESUCH").startswith("-ERR unknown subcommand 'NONESUCH'. Try BACKUP HELP.")
    assert ann.send("BACKUP", "HELP").count(b"\r\n+") == 15


def test_a_directory_that_is_not_empty_is_left_alone() -> None:
    kept = Kept()
    ann = kept.peer()
    kept.disk.put(BACKUP / "photos.tar", b"x")
    assert b"the directory /data/backupdir is not empty: there is photos.tar" in ann.send("BACKUP", "START")
    assert status(ann)["state"] == "idle"
    assert ann.send("BACKUP", "CLEANUP") == OK
    assert kept.disk.names(BACKUP) == ["photos.tar"]


@BOTH
def test_what_is_aborted_leaves_nothing(appendonly: str) -> None:
    for turns in range(5):
        kept = Kept(appendonly=appendonly)
        ann = kept.peer()
        ann.send("SET", "a", 1)
        ann.send("BACKUP", "START")
        for _ in range(turns):
            turn(kept)
        assert ann.send("BACKUP", "ABORT") == OK
        told = status(ann)
        assert (told["state"], told["error"], told["end_time"]) == ("failed", "aborted by BACKUP ABORT", "0")
        assert lists(ann) == kept.disk.names(BACKUP) == []
        for _ in range(3):
            turn(kept)
        assert (kept.server.aof is None) == (appendonly == "no")
        sealed(kept, incrementing(kept))
        assert restored(kept) == kept.data()


def test_who_waits_for_the_seal_learns_that_it_was_aborted() -> None:
    kept = Kept()
    ann, bob = incrementing(kept), kept.peer()
    ann.send("BACKUP", "SEAL")
    bob.send("BACKUP", "ABORT")
    assert ann.take() == b"-ERR the backup has failed: aborted by BACKUP ABORT\r\n"


def test_the_log_is_not_rewritten_while_its_increment_is_a_backup_s() -> None:
    kept = Kept(**{"auto-aof-rewrite-min-size": "1", "auto-aof-rewrite-percentage": "1"})
    ann = incrementing(kept)
    rewrites = kept.server.saves.rewrites.finished
    ann.send("SET", "a", b"x" * 100_000)
    for _ in range(5):
        turn(kept)
    assert ann.send("BGREWRITEAOF").startswith(
        b"-ERR Background append only file rewriting has to wait for the backup"
    )
    assert kept.server.saves.rewrites.finished == rewrites
    sealed(kept, ann)
    for _ in range(5):
        turn(kept)
    assert kept.server.saves.rewrites.finished == rewrites + 1
    assert ann.send("BGREWRITEAOF").startswith(b"+")
    assert restored(kept) == kept.data()  # what is pinned stays


@BOTH
def test_a_log_that_is_switched_ends_the_backup(appendonly: str) -> None:
    kept = Kept(appendonly=appendonly)
    ann = incrementing(kept)
    other = "no" if appendonly == "yes" else "yes"
    assert ann.send("CONFIG", "SET", "appendonly", other) == OK
    assert status(ann)["error"] == f"appendonly was switched {'off' if other == 'no' else 'on'}"
    assert kept.disk.names(BACKUP) == []
    ann.send("SET", "a", 1)
    for _ in range(4):
        turn(kept)
    if other == "yes":
        assert kept.replays()


def test_debug_loadaof_waits_for_the_backup() -> None:
    kept = Kept(**{"enable-debug-command": "yes"})
    ann = incrementing(kept)
    assert ann.send("DEBUG", "LOADAOF").startswith(b"-ERR Error trying to load the AOF files")
    sealed(kept, ann)
    assert ann.send("DEBUG", "LOADAOF") == OK
    assert status(ann)["state"] == "sealed"


# -- what becomes of one that is sealed ------------------------------------------------------------


def test_a_sealed_backup_is_removed_when_its_time_is_over_after_a_restart_as_well() -> None:
    kept = Kept(**{"backup-sealed-ttl": "60"})
    ann = incrementing(kept)
    sealed(kept, ann)
    kept.clock.advance(50_000)
    turn(kept)
    assert status(ann)["state"] == "sealed"
    again = Kept(kept.disk.after_kill(), kept.clock.now_ms + 10_000)
    turn(again)
    assert status(again.peer())["state"] == "sealed"  # for ever: there it is 0
    kept.clock.advance(10_000)
    turn(kept)
    assert status(ann)["state"] == "idle"
    assert kept.disk.names(BACKUP) == []
    again.server.config.set({"backup-sealed-ttl": "60"})
    turn(again)
    assert again.disk.names(BACKUP) == []


def test_a_sealed_backup_that_has_lost_a_file_has_failed() -> None:
    kept = Kept()
    sealed(kept, incrementing(kept))
    disk = kept.disk.after_kill()
    disk.remove(BACKUP / "appendonly.aof.2.incr.aof")
    again = Kept(disk)
    told = status(again.peer())
    assert (told["state"], told["end_time"]) == ("failed", "0")
    assert told["error"] == "/data/backupdir/appendonly.aof.2.incr.aof is missing"
    assert any("of no use: /data/backupdir/appendonly.aof.2.incr.aof" in line for line in again.lines)
    assert again.peer().send("BACKUP", "START") == OK
    assert again.disk.names(BACKUP) == ["backup-of-appendonly.aof"]


def test_a_backup_that_was_going_on_when_the_server_stopped_has_failed() -> None:
    for appendonly in ("yes", "no"):
        kept = Kept(appendonly=appendonly)
        began = kept.clock.now_ms // 1000
        incrementing(kept)
        kept.persistence.close()
        again = Kept(kept.disk.after_kill(), appendonly=appendonly)
        ann = again.peer()
        assert status(ann) == {
            "state": "failed", "error": "the server ended before the backup was sealed",
            "start_time": str(began), "end_time": "0",
        }  # fmt: skip
        assert ann.send("BACKUP", "CLEANUP") == OK
        assert again.disk.names(BACKUP) == []


@pytest.mark.parametrize("name", ["appendonlydir", ".", ".."])
def test_the_directory_of_the_log_is_none_for_backups(name: str) -> None:
    with pytest.raises(AofError, match="a backup needs a directory of its own"):
        Kept(backupdirname=name)


# -- disks -----------------------------------------------------------------------------------------


def test_a_seal_that_finds_no_room_may_be_tried_again() -> None:
    kept = Kept()
    ann = incrementing(kept)
    ann.send("SET", "a", 1)
    kept.disk.fail(0, errno.ENOSPC, only="create sealing", forever=True)
    ann.send("BACKUP", "SEAL")
    for _ in range(3):
        turn(kept)
    assert ann.take() == (
        b"-ERR not sealed, the backup goes on incrementing: /data/backupdir: No space left on device\r\n"
    )
    assert status(ann)["state"] == "incrementing"
    assert kept.disk.names(BACKUP) == ["appendonly.aof.2.base.rdb", "backup-of-appendonly.aof"]
    kept.disk.works()
    sealed(kept, ann)
    assert restored(kept) == kept.data()


def test_a_log_that_cannot_be_written_is_not_sealed() -> None:
    kept = Kept()
    ann = incrementing(kept)
    kept.disk.fail(0, errno.ENOSPC, only="write", forever=True)
    ann.send("SET", "a", 1)
    ann.send("BACKUP", "SEAL")
    turn(kept)
    assert b"goes on incrementing: the log cannot be written: No space left on device" in ann.take()
    kept.disk.works()
    turn(kept)
    sealed(kept, ann)
    assert restored(kept) == kept.data()


def test_without_a_log_a_full_disk_ends_the_backup_and_nothing_else() -> None:
    kept = Kept(appendonly="no")
    ann = incrementing(kept)
    kept.disk.fail(0, errno.ENOSPC, only="write", forever=True)
    assert ann.send("SET", "a", 1) == OK
    assert kept.persistence.flush(kept.clock.now_ms)
    told = status(ann)
    assert told["state"] == "failed"
    assert told["error"].endswith(".incr.aof: cannot be written: No space left on device")
    assert ann.send("SET", "a", 2) == OK
    assert kept.disk.names(BACKUP) == []


def test_a_start_that_fails_leaves_nothing() -> None:
    kept = Kept()
    ann = kept.peer()
    kept.disk.fail(0, errno.ENOSPC, only="write", forever=True)
    assert ann.send("BACKUP", "START") == (
        b"-ERR no backup can be started: /data/backupdir: No space left on device\r\n"
    )
    assert (status(ann)["state"], kept.disk.names(BACKUP)) == ("idle", [])
    kept.disk.works()
    sealed(kept, incrementing(kept))


def test_a_base_that_cannot_be_pinned_ends_the_backup_and_not_the_rewrite() -> None:
    kept = Kept()
    ann = kept.peer()
    kept.disk.fail(0, errno.EXDEV, only="link", forever=True)
    ann.send("BACKUP", "START")
    for _ in range(4):
        turn(kept)
    assert status(ann)["error"] == "/data/backupdir: Invalid cross-device link"
    assert kept.server.saves.rewrites.finished == 1
    assert kept.replays()


def test_what_cannot_be_removed_is_told_and_removed_later() -> None:
    kept = Kept()
    ann = incrementing(kept)
    sealed(kept, ann)
    kept.disk.fail(0, errno.EACCES, only="remove", forever=True)
    assert b"-ERR the backup was not removed: /data/backupdir: Permission denied" in ann.send(
        "BACKUP", "CLEANUP"
    )
    assert status(ann)["state"] == "failed"
    kept.disk.works()
    assert ann.send("BACKUP", "CLEANUP") == OK
    assert kept.disk.names(BACKUP) == []


@pytest.mark.parametrize(
    ("names", "flags", "categories"),
    [
        ("start seal abort cleanup", {"admin", "noscript"}, {"@admin", "@slow", "@dangerous"}),
        ("list status", {"admin", "stale"}, {"@admin", "@slow", "@dangerous"}),
        ("help", {"loading", "stale"}, {"@slow"}),
    ],
)
def test_info_of_the_subcommands_is_that_of_the_documentation(
    names: str, flags: set[str], categories: set[str]
) -> None:
    ann = Kept(appendonly="no").peer()
    for name in names.split():
        (info,) = decoded(ann.send("COMMAND", "INFO", f"backup|{name}"))
        assert (info[1], set(info[2]), info[3:6], set(info[6])) == (2, flags, [0, 0, 0], categories), name
