"""What comes back from the log, and what switches it on and off, without sockets."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from respq.datatypes.strings import StringValue
from respq.effects.files import AofError
from respq.persistence import Persistence
from respq.rdb import payload
from respq.rdb.strings import write_plain
from tests.conftest import BASE, DIRECTORY, INCREMENT, START_MS, Kept, Peer, Workbench
from tests.effects.disk import Disk
from tests.effects.model import LaterSnapshot
from tests.resp import encode

DUMP = Path("/data/dump.rdb")
MISCONF = b"-MISCONF Errors writing to the AOF file: No space left on device\r\n"
PAYLOAD = payload.dump(StringValue(b"1"), write_plain)
LIBRARY = "#!lua name=%s\nredis.register_function('%s', function(keys) %s end)"


def codes(kept: Kept) -> list[bytes]:
    return [library.code for library in kept.server.libraries]


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
@pytest.mark.parametrize("first", [encode("SET", "a", 1), encode("MULTI")])
def test_what_nobody_would_have_logged_is_refused_with_its_place(
    words: list[str], complaint: str, first: bytes
) -> None:
    with pytest.raises(AofError) as caught:
        Kept(damaged(first + encode(*words) + encode("SET", "b", 2) + encode("EXEC")))
    assert str(caught.value).startswith(f"{INCREMENT}: offset {len(first)}: ")
    assert complaint in str(caught.value)


def test_a_transaction_in_a_log_may_be_discarded() -> None:
    discarded = encode("MULTI") + encode("SET", "a", 1) + encode("DISCARD")
    kept = Kept(damaged(discarded + encode("SET", "b", 2)))
    assert kept.data()[0].keys() == {b"b"}
    assert kept.replays()


def test_a_blocking_command_in_a_log_does_not_wait() -> None:
    assert Kept(damaged(encode("BLPOP", "none", 0) + encode("SET", "a", 1))).data()[0].keys() == {b"a"}


@pytest.mark.parametrize(
    "words",
    [
        ("EXPIRE", "key", 9), ("PEXPIRE", "key", 9000), ("SETEX", "key", 9, "v"),
        ("PSETEX", "key", 9000, "v"), ("SET", "key", "v", "EX", 9), ("GETEX", "key", "PX", 9000),
        ("INCREX", "key", "EX", 9),
        ("EVAL", "redis.call('expire', KEYS[1], 9)", 1, "key"), ("RESTORE", "key", 9000, PAYLOAD, "REPLACE"),
    ],
)  # fmt: skip
def test_a_time_to_live_in_a_log_counts_from_the_start(words: tuple[bytes | str | int, ...]) -> None:
    """Servers log moments, but Redis before 5 logs scripts, and people write logs by hand."""
    kept = Kept(damaged(encode("SET", "key", 1) + encode(*words)))
    assert kept.data()[0][b"key"][1] == START_MS + 9000


def test_fields_in_a_log_count_from_the_start_as_well() -> None:
    fields = encode("HSET", "h", "f", 1, "g", 2) + encode("HPEXPIRE", "h", 9000, "FIELDS", 1, "f")
    fields += encode("HGETEX", "h", "EX", 9, "FIELDS", 1, "g")
    ann = Kept(damaged(fields)).peer()
    assert ann.send("HPTTL", "h", "FIELDS", 2, "f", "g") == b"*2\r\n:9000\r\n:9000\r\n"


def test_a_refused_command_is_skipped_with_a_warning() -> None:
    kept = Kept(damaged(encode("SET", "a", 1) + encode("LPUSH", "a", 1) + encode("SET", "b", 2)))
    assert kept.data()[0].keys() == {b"a", b"b"}
    assert any(
        "A command of the log was refused: b'LPUSH': Operation against a key" in line for line in kept.lines
    )


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
    assert len(seen) > 10  # once for each MiB
    for info in seen:
        assert b"\r\nloading:1\r\n" in info
        assert b"\r\naof_enabled:1\r\n" in info
        assert b"\r\nloading_total_bytes:%d\r\n" % total_bytes in info
    assert b"\r\nloading_loaded_perc:100.00\r\n" in seen[-1]
    assert b"\r\nloading:0\r\n" in bob.send("INFO", "persistence")


def test_info_tells_how_many_keys_the_base_had(kept: Kept, ann: Peer) -> None:
    """As redis-server 8.2.3 does: those of commands do not count."""
    ann.send("BGREWRITEAOF")
    while b"aof_rewrites:0" in ann.send("INFO", "persistence"):
        kept.persistence.cron(kept.clock.now_ms)
    ann.send("SET", "key", "value")
    assert kept.persistence.flush(kept.clock.now_ms)
    again = kept.restarted().peer().send("INFO", "persistence")
    assert b"\r\nrdb_last_load_keys_expired:0\r\nrdb_last_load_keys_loaded:1\r\n" in again


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


def snapshot_of(kept: Kept) -> Disk:
    """A disk with a snapshot and no log."""
    assert kept.peer().send("SAVE") == b"+OK\r\n"
    disk = Disk()
    disk.put(DUMP, kept.disk.get(DUMP))
    return disk


def test_a_log_switched_on_while_the_snapshot_is_loaded_begins_with_it(kept: Kept) -> None:
    server = Workbench(dir="/data")
    persistence = Persistence(server, disk := snapshot_of(kept))
    persistence.take_snapshot = LaterSnapshot
    bob = server.peer()
    persistence.start(lambda: bob.send("CONFIG", "SET", "appendonly", "yes") and None)
    assert server.server.aof is not None
    bob.send("SET", "key", "value")
    while not server.server.aof.is_whole:
        persistence.cron(server.clock.now_ms)
    assert persistence.flush(server.clock.now_ms)
    assert Kept(disk.after_kill()).data()[0].keys() == {b"warm", b"key"}


def test_a_log_switched_off_while_the_snapshot_is_loaded_is_not_begun(kept: Kept) -> None:
    server = Workbench(appendonly="yes", dir="/data")
    disk = snapshot_of(kept)
    bob = server.peer()
    Persistence(server, disk).start(lambda: bob.send("CONFIG", "SET", "appendonly", "no") and None)
    assert bob.send("EXISTS", "warm") == b":1\r\n"
    assert not [path for path in disk.names_now if path.parent == DIRECTORY]


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
