"""What reaches the log, when, and what comes back from it: the engine and its persistence without sockets.

The first part has one test for each condition under which the log does not take the client's own bytes.
They can be told from the server's by what a client may spell in its own way: the case of a name.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from respq.effects.files import AofError, SyncError
from respq.persistence import Persistence
from tests.conftest import START_MS, Peer, Workbench
from tests.effects.disk import Disk
from tests.effects.model import LaterSnapshot

DIRECTORY = Path("/data/appendonlydir")
INCREMENT = DIRECTORY / "appendonly.aof.1.incr.aof"
BASE = DIRECTORY / "appendonly.aof.1.base.rdb"

Data = dict[int, dict[bytes, tuple[list[list[bytes]], int]]]


def encode(*words: bytes | str | int) -> bytes:
    argv = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(argv) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in argv)


class Kept(Workbench):
    """An engine whose log is on a disk in memory; database 0 is selected in it."""

    def __init__(self, disk: Disk | None = None, now_ms: int = START_MS, **directives: str) -> None:
        super().__init__(now_ms, **{"appendonly": "yes", "appendfsync": "no", "dir": "/data", **directives})
        self.lines: list[str] = []
        self.log = lambda level, line: self.lines.append(f"{level} {line}")
        self.disk = disk or Disk()
        self.persistence = Persistence(self, self.disk)
        self.persistence.take_snapshot = LaterSnapshot
        self.persistence.start(lambda: None)

    def written(self) -> bytes:
        """What the log got since the last look."""
        before = getattr(self, "_seen", 0)
        assert self.persistence.flush(self.clock.now_ms)
        data = self.disk.get(INCREMENT)
        self._seen = len(data)
        return data[before:]

    def data(self) -> Data:
        return {
            db.index: {key: (list(value.rebuild(key)), value.expires_ms) for key, value in db.values.items()}
            for db in self.server.databases
            if db.values
        }

    def restarted(self) -> Kept:
        """The server that starts on the disk as kill -9 leaves it."""
        return Kept(self.disk.after_kill(), self.clock.now_ms)

    def replays(self) -> bool:
        """Whether the log gives the data as they are."""
        return self.restarted().data() == self.data()


LIBRARY = "#!lua name=%s\nredis.register_function('%s', function(keys) %s end)"


def codes(kept: Kept) -> list[bytes]:
    return [library.code for library in kept.server.libraries]


@pytest.fixture
def kept() -> Kept:
    kept = Kept()
    kept.peer().send("SET", "warm", "up")
    kept.written()
    return kept


@pytest.fixture
def ann(kept: Kept) -> Peer:
    return kept.peer()


# -- the client's own bytes ------------------------------------------------------------------------

OWN = [
    encode("set", "key", "value"),
    encode("set", "key", "value") + encode("rPuSh", "list", "a", "b") + encode("lpop", "list"),
    encode("rpush", "list", "x") * 20,
    encode("rpush", "list", "a") * 7 + encode("lpop", "list") * 7 + encode("INCR", "n") * 7,
    encode("multi") + encode("set", "key", "value") + encode("incr", "n") + encode("exec"),
    encode("set", "key", b"\r\n*1\r\n\0\xff"),
]


@pytest.mark.parametrize("sent", OWN)
def test_plain_writes_pass_through_as_they_were_sent(kept: Kept, ann: Peer, sent: bytes) -> None:
    ann.feed(sent)
    assert kept.written() == sent
    assert kept.replays()


def test_the_writes_of_several_clients_follow_each_other(kept: Kept, ann: Peer) -> None:
    bob = kept.peer()
    ann.feed(encode("rpush", "list", "a"))
    bob.feed(encode("rpush", "list", "b"))
    ann.feed(encode("rpush", "list", "c"))
    assert kept.written() == b"".join(encode("rpush", "list", word) for word in "abc")
    assert kept.replays()


def test_a_read_that_began_within_a_command_does_not_pass(kept: Kept, ann: Peer) -> None:
    sent = encode("set", "a", 1) + encode("set", "b", 2)
    for cut in range(1, len(sent)):
        ann.feed(sent[:cut])
        ann.feed(sent[cut:])
        assert kept.written() == sent
        assert kept.replays()


def test_a_read_that_ends_within_a_command_does_not_pass(kept: Kept, ann: Peer) -> None:
    ann.feed(encode("set", "a", 1) + b"*3\r\n$3\r\nset\r\n")
    assert kept.written() == encode("set", "a", 1)
    ann.feed(b"$1\r\nb\r\n$1\r\n2\r\n" + encode("set", "c", 3))
    assert kept.written() == encode("set", "b", 2) + encode("set", "c", 3)
    assert kept.replays()


@pytest.mark.parametrize(
    "odd",
    [
        b"set key value\r\n",
        b"*0\r\n" + encode("set", "key", "value"),
        b"\r\n" + encode("set", "key", "value"),
        b"*3\r\n$3\r\nsetXX$3\r\nkeyXX$5\r\nvalueXX",
    ],
    ids=["inline", "an empty array", "an empty line", "other line ends"],
)
def test_what_is_not_canonical_is_encoded_anew(kept: Kept, ann: Peer, odd: bytes) -> None:
    assert ann.feed(odd) == b"+OK\r\n"
    assert kept.written() == encode("set", "key", "value")
    assert kept.replays()


SPOILERS = {
    "a read": encode("get", "key"),
    "a ping": encode("PING"),
    "an error": encode("lpush", "text", "x"),
    "an unknown command": encode("nonesuch"),
    "a wrong number of words": encode("set", "key"),
    "a deletion of nothing": encode("del", "nothing"),
    "a set that is not done": encode("set", "text", "new", "NX"),
    "a push to nothing": encode("lpushx", "nothing", "x"),
    "a pop from nothing": encode("lpop", "nothing"),
    "an expiry for nothing": encode("pexpireat", "nothing", 9_999_999_999_999),
    "a selection of the same database": encode("select", 0),
    "an empty transaction": encode("multi") + encode("exec"),
    "a transaction that is given up": encode("multi") + encode("set", "x", 1) + encode("discard"),
}


@pytest.mark.parametrize("spoiler", SPOILERS.values(), ids=SPOILERS)
@pytest.mark.parametrize("place", ["before", "between", "behind"])
def test_only_what_changed_something_is_logged(kept: Kept, ann: Peer, spoiler: bytes, place: str) -> None:
    ann.send("SET", "text", "x")
    kept.written()
    first, second = encode("rpush", "list", "a"), encode("rpush", "list", "b")
    ann.feed(
        {
            "before": spoiler + first + second,
            "between": first + spoiler + second,
            "behind": first + second + spoiler,
        }[place]
    )
    assert kept.written() == first + second
    assert kept.replays()


def test_a_run_with_an_error_in_it_logs_the_rest(kept: Kept, ann: Peer) -> None:
    ann.send("SET", "text", "x")
    kept.written()
    ann.feed(
        encode("rpush", "list", "a") * 5 + encode("rpush", "text", "b") + encode("rpush", "list", "c") * 5
    )
    assert kept.written() == encode("rpush", "list", "a") * 5 + encode("rpush", "list", "c") * 5
    assert kept.replays()


def test_a_run_of_pops_logs_those_that_found_something(kept: Kept, ann: Peer) -> None:
    ann.feed(encode("rpush", "list", "a", "b", "c"))
    kept.written()
    ann.feed(encode("lpop", "list") * 9)
    assert kept.written() == encode("lpop", "list") * 3
    assert kept.replays()


RELATIVE = [
    ([], ("set", "key", "v", "EX", "10"), [("SET", "key", "v", "PXAT", "1700000010000")]),
    ([], ("setex", "key", "10", "v"), [("SET", "key", "v", "PXAT", "1700000010000")]),
    ([], ("psetex", "key", "10", "v"), [("SET", "key", "v", "PXAT", "1700000000010")]),
    ([("set", "key", "v")], ("expire", "key", "10"), [("PEXPIREAT", "key", "1700000010000")]),
    ([("set", "key", "v")], ("getex", "key", "PX", "5"), [("PEXPIREAT", "key", "1700000000005")]),
    ([("set", "key", "v")], ("expire", "key", "-1"), [("DEL", "key")]),
    ([("set", "key", "v")], ("getdel", "key"), [("DEL", "key")]),
    ([("set", "key", "1")], ("incrbyfloat", "key", "0.5"), [("SET", "key", "1.5", "KEEPTTL")]),
    ([("rpush", "key", "1")], ("blpop", "key", "0"), [("LPOP", "key")]),
    ([("rpush", "key", "1")], ("brpoplpush", "key", "to", "0"), [("RPOPLPUSH", "key", "to")]),
    ([("rpush", "key", "1")], ("blmove", "key", "to", "LEFT", "LEFT", "0"),
     [("LMOVE", "key", "to", "LEFT", "LEFT")]),
    ([("rpush", "key", "1")], ("lmpop", "1", "key", "LEFT"), [("LPOP", "key", "1")]),
]  # fmt: skip


@pytest.mark.parametrize(("before", "command", "effect"), RELATIVE, ids=[row[1][0] for row in RELATIVE])
def test_what_does_not_replicate_as_sent_is_logged_as_its_effect(
    kept: Kept,
    ann: Peer,
    before: list[tuple[str, ...]],
    command: tuple[str, ...],
    effect: list[tuple[str, ...]],
) -> None:
    for words in before:
        ann.send(*words)
    kept.written()
    ann.feed(encode("set", "a", 1) + encode(*command) + encode("set", "b", 2))
    assert kept.written() == encode("set", "a", 1) + b"".join(encode(*words) for words in effect) + encode(
        "set", "b", 2
    )
    assert kept.replays()


def test_another_database_is_selected_in_the_log(kept: Kept, ann: Peer) -> None:
    bob = kept.peer()
    ann.send("select", 5)
    ann.feed(encode("set", "key", 5))
    assert kept.written() == encode("SELECT", 5) + encode("set", "key", 5)
    ann.feed(encode("set", "key", 6))
    assert kept.written() == encode("set", "key", 6)
    bob.feed(encode("set", "key", 0))
    ann.feed(encode("set", "key", 7))
    assert kept.written() == encode("SELECT", 0) + encode("set", "key", 0) + encode("SELECT", 5) + encode(
        "set", "key", 7
    )
    assert kept.replays()


def test_a_selection_within_a_read(kept: Kept, ann: Peer) -> None:
    ann.feed(encode("set", "a", 0) + encode("select", 1) + encode("set", "a", 1))
    assert kept.written() == encode("set", "a", 0) + encode("SELECT", 1) + encode("set", "a", 1)
    assert kept.replays()


def test_a_transaction_over_two_databases(kept: Kept, ann: Peer) -> None:
    ann.feed(
        encode("multi") + encode("set", "a", 0) + encode("select", 1) + encode("set", "a", 1) + encode("exec")
    )
    assert kept.written() == (
        encode("multi") + encode("set", "a", 0) + encode("SELECT", 1) + encode("set", "a", 1) + encode("exec")
    )
    assert kept.replays()


def test_a_transaction_logs_what_changed_something(kept: Kept, ann: Peer) -> None:
    ann.send("SET", "text", "x")
    kept.written()
    ann.feed(
        encode("multi")
        + encode("get", "text")
        + encode("lpush", "text", 1)
        + encode("incr", "n")
        + encode("exec")
    )
    assert kept.written() == encode("multi") + encode("incr", "n") + encode("exec")
    assert kept.replays()


def test_a_transaction_sent_piece_by_piece_is_logged_as_one(kept: Kept, ann: Peer) -> None:
    for words in (["multi"], ["incr", "n"], ["incr", "m"]):
        ann.send(*words)
        assert kept.written() == b""
    ann.send("exec")
    assert kept.written() == encode("multi") + encode("incr", "n") + encode("incr", "m") + encode("exec")
    assert kept.replays()


def test_while_a_transaction_is_open_the_next_read_does_not_pass(kept: Kept, ann: Peer) -> None:
    ann.send("multi")
    ann.feed(encode("incr", "n") + encode("exec") + encode("incr", "m"))
    assert kept.written() == encode("multi") + encode("incr", "n") + encode("exec") + encode("incr", "m")
    assert kept.replays()


@pytest.mark.parametrize(
    "touch", [encode("get", "old"), encode("exists", "old"), encode("rpush", "old", "x")]
)
def test_a_key_that_expired_on_access_is_deleted_first(kept: Kept, ann: Peer, touch: bytes) -> None:
    ann.send("SET", "old", "x", "PX", 10)
    kept.written()
    kept.clock.advance(20)
    ann.feed(encode("set", "a", 1) + touch + encode("set", "b", 2))
    own = touch if b"rpush" in touch else b""
    assert kept.written() == encode("set", "a", 1) + encode("DEL", "old") + own + encode("set", "b", 2)
    assert kept.replays()


def test_a_run_on_a_key_that_has_expired(kept: Kept, ann: Peer) -> None:
    ann.send("RPUSH", "old", "x")
    ann.send("PEXPIRE", "old", 10)
    kept.written()
    kept.clock.advance(20)
    ann.feed(encode("rpush", "old", "y") * 9)
    assert kept.written() == encode("DEL", "old") + encode("rpush", "old", "y") * 9
    assert kept.replays()


def test_keys_that_expire_by_themselves_are_deleted_in_the_log(kept: Kept, ann: Peer) -> None:
    ann.send("SET", "old", "x", "PX", 10)
    kept.written()
    kept.pass_time(1_000)
    assert kept.written() == encode("DEL", "old")
    assert kept.replays()


def test_serving_a_blocked_client_comes_right_behind_the_push(kept: Kept, ann: Peer) -> None:
    bob = kept.peer()
    bob.send("BLPOP", "list", 0)
    ann.feed(encode("rpush", "list", "a", "b") + encode("set", "key", 1))
    assert kept.written() == encode("rpush", "list", "a", "b") + encode("LPOP", "list") + encode(
        "set", "key", 1
    )
    assert bob.take() == b"*2\r\n$4\r\nlist\r\n$1\r\na\r\n"
    assert kept.replays()


def test_what_a_served_client_sent_meanwhile_is_logged(kept: Kept, ann: Peer) -> None:
    bob = kept.peer()
    bob.feed(encode("blpop", "list", 0) + encode("set", "a", 1))
    bob.feed(encode("set", "b", 2))
    assert kept.written() == b""
    ann.feed(encode("rpush", "list", "x"))
    assert kept.written() == (
        encode("rpush", "list", "x") + encode("LPOP", "list") + encode("set", "a", 1) + encode("set", "b", 2)
    )
    assert kept.replays()


def test_while_somebody_watches_everything_is_still_logged(kept: Kept, ann: Peer) -> None:
    bob = kept.peer()
    bob.send("WATCH", "key")
    ann.feed(encode("set", "key", 1) + encode("set", "other", 2))
    assert kept.written() == encode("set", "key", 1) + encode("set", "other", 2)
    assert bob.feed(encode("multi") + encode("set", "key", 3) + encode("exec")).endswith(b"*-1\r\n")
    assert kept.written() == b""
    assert kept.replays()


def test_a_key_that_is_watched_and_expires_is_logged_in_order(kept: Kept, ann: Peer) -> None:
    ann.send("SET", "key", "x", "PX", 10)
    ann.send("WATCH", "key")
    kept.written()
    kept.clock.advance(20)
    replies = ann.feed(encode("set", "a", 1) + encode("multi") + encode("set", "key", 2) + encode("exec"))
    assert replies.endswith(b"*-1\r\n")
    assert kept.written() == encode("set", "a", 1) + encode("DEL", "key")
    assert kept.replays()


def test_muted_writes_are_logged(kept: Kept, ann: Peer) -> None:
    ann.feed(encode("client", "reply", "off"))
    assert ann.feed(encode("set", "a", 1) + encode("set", "b", 2)) == b""
    assert kept.written() == encode("set", "a", 1) + encode("set", "b", 2)
    assert kept.replays()


def test_writes_before_and_behind_a_hang_up(kept: Kept, ann: Peer) -> None:
    ann.feed(encode("set", "a", 1) + encode("quit") + encode("set", "b", 2))
    assert kept.written() == encode("set", "a", 1)
    assert kept.replays()


# -- loading ---------------------------------------------------------------------------------------


def damaged(data: bytes) -> Disk:
    """A disk whose log is `data`."""
    disk = Kept().disk.after_kill()
    disk.put(INCREMENT, data)
    return disk


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["NONESUCH"], "unknown command b'NONESUCH'"),
        (["SET", "key"], "wrong number of arguments for b'SET'"),
        (["LPUSH"], "wrong number of arguments for b'LPUSH'"),
        (["GET", "a", "b"], "wrong number of arguments for b'GET'"),
        (["SELECT", "99"], "DB index is out of range"),
        (["QUIT"], "b'QUIT' has no place in a log"),
    ],
)
def test_what_nobody_would_have_logged_is_refused_with_its_place(words: list[str], complaint: str) -> None:
    first = encode("SET", "a", 1)
    with pytest.raises(AofError) as caught:
        Kept(damaged(first + encode(*words) + encode("SET", "b", 2)))
    assert str(caught.value).startswith(f"{INCREMENT}: offset {len(first)}: ")
    assert complaint in str(caught.value)


def test_a_blocking_command_in_a_log_does_not_wait() -> None:
    assert Kept(damaged(encode("BLPOP", "none", 0) + encode("SET", "a", 1))).data()[0].keys() == {b"a"}


def test_a_refused_command_is_skipped_with_a_warning() -> None:
    kept = Kept(damaged(encode("SET", "a", 1) + encode("LPUSH", "a", 1) + encode("SET", "b", 2)))
    assert kept.data()[0].keys() == {b"a", b"b"}
    assert any("A command of the log was refused: b'LPUSH'" in line for line in kept.lines)


def test_any_damage_is_either_refused_or_loads(kept: Kept, ann: Peer) -> None:
    for words in (
        ["set", "key", "value"], ["rpush", "list", "a", "b"], ["multi"], ["incr", "n"], ["select", 3],
        ["incr", "n"], ["exec"], ["set", "key", "v", "EX", 100], ["lpop", "list"], ["persist", "key"],
    ):  # fmt: skip
        ann.send(*words)
    kept.written()
    whole = kept.disk.get(INCREMENT)
    complaints: set[str] = set()
    for at in range(len(whole)):
        for byte in (b"\0\r\n$*9"[at % 6], 255):
            disk = kept.disk.after_kill()
            disk.put(INCREMENT, whole[:at] + bytes([byte]) + whole[at + 1 :])
            try:
                Kept(disk)
            except AofError as error:
                complaints.add(str(error))
    assert complaints
    assert all(complaint.startswith(f"{INCREMENT}: ") for complaint in complaints)


def test_keys_do_not_expire_while_the_log_is_loaded(kept: Kept, ann: Peer) -> None:
    ann.send("SET", "key", "v", "PX", 10)
    ann.send("APPEND", "key", "w")
    kept.clock.advance(5)
    kept.written()
    later = kept.restarted()
    assert later.data()[0][b"key"] == ([[b"SET", b"key", b"vw"]], kept.clock.now_ms + 5)


def test_info_and_progress_while_loading(kept: Kept, ann: Peer) -> None:
    for _ in range(12):
        ann.send("RPUSH", "list", b"x" * 1_000_000)
    kept.written()
    total_bytes = len(kept.disk.get(BASE)) + len(kept.disk.get(INCREMENT))
    seen: list[bytes] = []
    server = Workbench(appendonly="yes", dir="/data")
    persistence = Persistence(server)
    persistence.files = kept.disk.after_kill()
    bob = server.peer()

    def look() -> None:
        seen.append(bob.send("INFO", "persistence"))
        assert bob.send("GET", "warm") == b"-LOADING Redis is loading the dataset in memory\r\n"
        assert bob.send("PING") == b"-LOADING Redis is loading the dataset in memory\r\n"
        assert bob.send("CLIENT", "ID").startswith(b":")
        assert bob.send("GET").startswith(b"-ERR wrong number of arguments")
        assert bob.send("MULTI") == b"+OK\r\n"
        assert bob.send("SET", "a", "b").startswith(b"-LOADING ")
        assert bob.send("EXEC").startswith(b"-EXECABORT ")

    persistence.start(look)
    assert bob.send("GET", "warm") == b"$2\r\nup\r\n"
    assert len(seen) > 20  # once for each 512 KiB
    for info in seen:
        assert b"\r\nloading:1\r\n" in info
        assert b"\r\naof_enabled:1\r\n" in info
        assert b"\r\nloading_total_bytes:%d\r\n" % total_bytes in info
    assert b"\r\nloading_loaded_perc:100.00\r\n" in seen[-1]
    assert b"\r\nloading:0\r\n" in bob.send("INFO", "persistence")


def test_a_long_log_reports_its_progress(kept: Kept, ann: Peer) -> None:
    for _ in range(40):
        ann.send("SET", "key", b"x" * 1_000_000)
    kept.written()
    lines = [line for line in kept.restarted().lines if "Loading" in line]
    assert len(lines) == 10
    assert lines[0].startswith("notice Loading: 10 % of ")
    assert lines[-1].startswith("notice Loading: 100 % of ")


def test_a_log_switched_off_while_it_is_loaded_is_not_written(kept: Kept) -> None:
    before = kept.disk.get(INCREMENT)
    server = Workbench(appendonly="yes", dir="/data")
    persistence = Persistence(server)
    persistence.files = kept.disk
    ann = server.peer()

    def switch() -> None:
        for value in ("no", "yes", "no"):
            assert ann.send("CONFIG", "SET", "appendonly", value) == b"+OK\r\n"

    persistence.start(switch)
    assert server.server.aof is None
    assert ann.send("SET", "key", "value") == b"+OK\r\n"
    assert kept.disk.get(INCREMENT) == before


# -- WAITAOF ---------------------------------------------------------------------------------------


def test_waitaof_waits_for_a_log_that_is_switched_on_to_be_whole() -> None:
    """Until its base is there a loss of power brings the data of before back, synced or not."""
    kept = Kept(appendfsync="always")
    ann = kept.peer()
    for words in (["set", "a", 1], ["config", "set", "appendonly", "no"], ["set", "b", 2]):
        ann.send(*words)
    ann.send("config", "set", "appendonly", "yes")
    ann.send("set", "c", 3)
    assert kept.persistence.flush(kept.clock.now_ms)
    assert kept.server.aof is not None
    kept.server.aof.writer.sync()
    assert ann.send("waitaof", 0, 0, 0) == b"*2\r\n:0\r\n:0\r\n"
    assert ann.send("waitaof", 1, 0, 0) == b""
    assert kept.restarted().data()[0].keys() == {b"a"}
    while not kept.server.aof.is_whole:
        kept.persistence.cron(kept.clock.now_ms)
    assert ann.take() == b"*2\r\n:1\r\n:0\r\n"
    assert kept.restarted().data()[0].keys() == {b"a", b"b", b"c"}


def test_waitaof_in_a_transaction_does_not_count_what_it_has_not_logged(kept: Kept, ann: Peer) -> None:
    """redis-server 8.2.3 answers 1 even under `appendfsync no`."""
    kept.server.config.set({"appendfsync": "everysec"})
    assert kept.persistence.flush(kept.clock.now_ms)
    for words in (["MULTI"], ["SET", "a", 1], ["WAITAOF", 1, 0, 0]):
        ann.send(*words)
    assert ann.send("EXEC") == b"*2\r\n+OK\r\n*2\r\n:0\r\n:0\r\n"


# -- a disk that fails -----------------------------------------------------------------------------

MISCONF = b"-MISCONF Errors writing to the AOF file: No space left on device\r\n"


def test_while_the_log_cannot_be_written_writes_are_refused_as_by_redis(kept: Kept, ann: Peer) -> None:
    ann.send("RPUSH", "list", "a")
    queued = kept.peer()
    queued.send("MULTI")
    queued.send("SET", "x", 1)
    assert kept.written()
    kept.disk.fail(0, errno.ENOSPC, only="write", forever=True)
    ann.send("SET", "unsure", 1)
    assert not kept.persistence.flush(kept.clock.now_ms)
    for refused in (
        ("SET", "a", 1),
        ("DEL", "list"),
        ("PING",),
        ("LPOP", "list"),
        ("BLPOP", "none", 0),
        ("FLUSHALL",),
    ):
        assert ann.send(*refused) == MISCONF
    assert ann.send("SET").startswith(b"-ERR wrong number")
    assert ann.send("GET", "warm") == b"$2\r\nup\r\n"
    assert queued.send("EXEC") == MISCONF.replace(
        b"-MISCONF", b"-EXECABORT Transaction discarded because of: MISCONF"
    )
    assert ann.send("MULTI") == b"+OK\r\n"
    assert ann.send("SET", "a", 1) == MISCONF
    assert ann.send("EXEC").startswith(b"-EXECABORT Transaction discarded because of previous errors.")
    assert (
        ann.feed(encode("MULTI") + encode("GET", "warm") + encode("EXEC"))
        == b"+OK\r\n+QUEUED\r\n*1\r\n$2\r\nup\r\n"
    )
    assert ann.feed(encode("MULTI") + encode("INCR", "n") + encode("EXEC")).startswith(b"+OK\r\n" + MISCONF)
    assert kept.persistence.flush(kept.clock.now_ms)  # nothing of these ticks needs the log
    kept.disk.works()
    kept.clock.advance(1_000)
    assert kept.persistence.flush(kept.clock.now_ms)
    assert ann.send("PING") == b"+PONG\r\n"
    assert ann.send("SET", "a", 1) == b"+OK\r\n"
    assert kept.written()
    assert kept.replays()
    assert kept.data()[0].keys() == {b"warm", b"list", b"unsure", b"a"}


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
def test_whatever_the_error_is_it_is_named(kept: Kept, ann: Peer, error: int) -> None:
    kept.disk.fail(0, error, only="write", forever=True)
    ann.send("SET", "a", 1)
    kept.persistence.flush(kept.clock.now_ms)
    assert (
        ann.send("SET", "a", 1)
        == b"-MISCONF Errors writing to the AOF file: %b\r\n" % os.strerror(error).encode()
    )


@pytest.mark.parametrize("policy", ["always", "everysec", "no"])
def test_a_short_write_is_completed(policy: str) -> None:
    kept = Kept(appendfsync=policy)
    kept.peer().send("SET", "a", 1)
    kept.disk.short_write = 7
    assert kept.written().endswith(encode("SET", "a", 1))
    assert kept.replays()


def test_a_short_write_on_a_full_disk_leaves_nothing_behind(kept: Kept, ann: Peer) -> None:
    before = kept.disk.get(INCREMENT)
    kept.disk.short_write = 7
    kept.disk.fail(0, errno.ENOSPC, only="write", forever=True)
    ann.send("SET", "a", 1)
    assert not kept.persistence.flush(kept.clock.now_ms)
    assert kept.disk.get(INCREMENT) == before


@pytest.mark.parametrize("policy", ["always", "everysec"])
def test_a_sync_that_fails_is_the_end(policy: str) -> None:
    kept = Kept(appendfsync=policy)
    kept.disk.fail(0, errno.EIO, only="datasync", forever=True)
    kept.peer().send("SET", "a", 1)
    aof = kept.server.aof
    assert aof is not None

    def work() -> None:
        for _ in range(3):
            kept.persistence.flush(kept.clock.now_ms)
            aof.writer._syncer.wait()  # under everysec it is on a thread
            kept.clock.advance(1_000)

    with pytest.raises(SyncError, match=r"appendonly.aof.1.incr.aof: cannot sync: Input/output error"):
        work()


# -- CONFIG SET appendonly -------------------------------------------------------------------------


def test_a_log_that_cannot_be_begun_stays_off(alice: Peer, engine: Workbench) -> None:
    persistence = Persistence(engine)
    persistence.files = disk = Disk()
    disk.fail(0, errno.EACCES, forever=True)
    assert alice.send("CONFIG", "SET", "appendonly", "yes") == (
        b"-ERR CONFIG SET failed (possibly related to argument 'appendonly')"
        b" - Unable to turn on AOF. Check server logs.\r\n"
    )
    assert alice.send("CONFIG", "GET", "appendonly") == b"*2\r\n$10\r\nappendonly\r\n$2\r\nno\r\n"
    assert engine.server.aof is None
    assert alice.send("SET", "key", "value") == b"+OK\r\n"


def test_switching_off_keeps_what_was_done_before(kept: Kept, ann: Peer) -> None:
    ann.feed(encode("incr", "n") + encode("config", "set", "appendonly", "no") + encode("incr", "n"))
    assert kept.disk.get(INCREMENT).endswith(encode("incr", "n"))
    assert kept.restarted().data()[0][b"n"][0] == [[b"SET", b"n", b"1"]]


def test_switching_off_is_a_way_out_of_a_full_disk(kept: Kept, ann: Peer) -> None:
    kept.disk.fail(0, errno.ENOSPC, only="write", forever=True)
    ann.send("SET", "a", 1)
    assert not kept.persistence.flush(kept.clock.now_ms)
    assert ann.send("SET", "a", 2) == MISCONF
    assert ann.send("CONFIG", "SET", "appendonly", "no") == b"+OK\r\n"
    assert kept.persistence.flush(kept.clock.now_ms)
    assert kept.persistence.caught_up
    assert ann.send("SET", "a", 3) == b"+OK\r\n"
    assert any("the log ends without it" in line for line in kept.lines)


# -- libraries of functions ----------------------------------------------------------------------------


def after_kill(kept: Kept) -> list[bytes]:
    """The libraries of the server that starts on what has been written."""
    kept.written()
    return codes(kept.restarted())


def test_libraries_come_back_from_the_log(kept: Kept, ann: Peer) -> None:
    ann.send("FUNCTION", "LOAD", LIBRARY % ("a", "f", "return 1"))
    ann.send("FUNCTION", "LOAD", LIBRARY % ("b", "g", "return 1"))
    ann.send("FUNCTION", "LOAD", "REPLACE", LIBRARY % ("a", "f", "return 2"))
    ann.send("FUNCTION", "DELETE", "b")
    kept.written()
    again = kept.restarted()
    assert codes(again) == codes(kept)
    assert again.peer().send("FCALL", "f", 0) == b":2\r\n"


def test_a_restored_payload_and_a_flush_come_back_from_the_log(kept: Kept, ann: Peer) -> None:
    ann.send("FUNCTION", "LOAD", LIBRARY % ("a", "f", "return 1"))
    data = ann.send("FUNCTION", "DUMP").split(b"\r\n", 1)[1][:-2]
    ann.send("FUNCTION", "FLUSH")
    assert after_kill(kept) == []
    ann.send("FUNCTION", "RESTORE", data)
    assert after_kill(kept) == codes(kept) != []


def test_what_a_function_does_is_logged_and_not_its_call(kept: Kept, ann: Peer) -> None:
    body = "redis.call('incr', keys[1]) redis.call('incr', keys[1]) return redis.call('get', keys[1])"
    ann.send("FUNCTION", "LOAD", LIBRARY % ("a", "f", body))
    kept.written()
    assert ann.send("FCALL", "f", 1, "n") == b"$1\r\n2\r\n"
    assert kept.written() == encode("MULTI") + 2 * encode("incr", "n") + encode("EXEC")
    assert kept.replays()


def test_a_refused_load_is_not_logged(kept: Kept, ann: Peer) -> None:
    ann.send("FUNCTION", "LOAD", "return 1")
    ann.send("FUNCTION", "DELETE", "none")
    assert kept.written() == b""


@pytest.mark.parametrize("how", [(), ("NOSAVE",), ("NOFLUSH", "MERGE")])
def test_libraries_come_back_from_a_snapshot(kept: Kept, ann: Peer, how: tuple[str, ...]) -> None:
    kept.server.config.set({"enable-debug-command": "yes"}, at_start=True)
    kept.tables.rebuild()
    ann.send("FUNCTION", "LOAD", LIBRARY % ("a", "f", "return 1"))
    ann.send("SAVE")
    before = codes(kept)
    assert ann.send("DEBUG", "RELOAD", *how) == b"+OK\r\n"
    assert codes(kept) == before
    assert ann.send("FCALL", "f", 0) == b":1\r\n"
    assert ann.send("DEBUG", "RELOAD", "NOFLUSH").startswith(b"-ERR Error trying to load")


def test_flushall_leaves_libraries(kept: Kept, ann: Peer) -> None:
    ann.send("FUNCTION", "LOAD", LIBRARY % ("a", "f", "return 1"))
    ann.send("FLUSHALL")
    assert len(codes(kept)) == len(after_kill(kept)) == 1
