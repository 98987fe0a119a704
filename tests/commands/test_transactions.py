"""MULTI, EXEC, DISCARD, WATCH: replies as redis-server 8.2.3 gives them, and what reaches the log."""

from __future__ import annotations

import pytest

from respq.engine import Engine
from respq.keyspace import Effects
from respq.protocol import Argv
from tests.conftest import Kept, Peer, Workbench
from tests.resp import encode, encode_lines

OK, QUEUED = b"+OK\r\n", b"+QUEUED\r\n"
ABORTED = b"-EXECABORT Transaction discarded because of previous errors.\r\n"
WRONG_TYPE = b"-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"

# What one client says, and what it gets.
CONVERSATIONS = {
    "empty": [("MULTI", OK), ("EXEC", b"*0\r\n")],
    "writes": [
        ("MULTI", OK),
        ("SET k 1", QUEUED),
        ("INCR k", QUEUED),
        ("EXEC", b"*2\r\n+OK\r\n:2\r\n"),
        ("GET k", b"$1\r\n2\r\n"),
    ],
    "two in a row": [("MULTI", OK), ("PING", QUEUED), ("EXEC", b"*1\r\n+PONG\r\n")] * 2,
    "errors while executing stop nothing": [
        ("MULTI", OK),
        ("SET k v", QUEUED),
        ("LPUSH k x", QUEUED),
        ("PING a b", QUEUED),
        ("GET k", QUEUED),
        ("EXEC", b"*4\r\n+OK\r\n" + WRONG_TYPE
         + b"-ERR wrong number of arguments for 'ping' command\r\n$1\r\nv\r\n"),
    ],
    "errors while queueing abort": [
        ("MULTI", OK),
        ("SET k", b"-ERR wrong number of arguments for 'set' command\r\n"),
        ("SET k v", QUEUED),
        ("EXEC", ABORTED),
        ("GET k", b"$-1\r\n"),
    ],
    "an unknown command aborts": [
        ("MULTI", OK),
        ("NOSUCH a", b"-ERR unknown command 'NOSUCH', with args beginning with: 'a' \r\n"),
        ("EXEC", ABORTED),
        ("EXEC", b"-ERR EXEC without MULTI\r\n"),
    ],
    "an unknown subcommand aborts": [
        ("MULTI", OK),
        ("CLIENT NOSUCH", b"-ERR unknown subcommand 'NOSUCH'. Try CLIENT HELP.\r\n"),
        ("EXEC", ABORTED),
    ],
    "a subcommand with too many words aborts": [
        ("MULTI", OK),
        ("COMMAND COUNT x", b"-ERR wrong number of arguments for 'command|count' command\r\n"),
        ("EXEC", ABORTED),
    ],
    "nested": [
        ("MULTI", OK),
        ("MULTI", b"-ERR MULTI calls can not be nested\r\n"),
        ("PING", QUEUED),
        ("EXEC", b"*1\r\n+PONG\r\n"),
    ],
    "WATCH inside": [
        ("MULTI", OK),
        ("WATCH k", b"-ERR WATCH inside MULTI is not allowed\r\n"),
        ("EXEC", b"*0\r\n"),
    ],
    "UNWATCH inside is queued": [("MULTI", OK), ("UNWATCH", QUEUED), ("EXEC", b"*1\r\n+OK\r\n")],
    "discarded": [
        ("MULTI", OK),
        ("SET k 1", QUEUED),
        ("DISCARD", OK),
        ("GET k", b"$-1\r\n"),
        ("DISCARD", b"-ERR DISCARD without MULTI\r\n"),
    ],
    "EXEC without MULTI": [("EXEC", b"-ERR EXEC without MULTI\r\n")],
    "words behind MULTI": [
        ("MULTI now", b"-ERR wrong number of arguments for 'multi' command\r\n"),
        ("EXEC", b"-ERR EXEC without MULTI\r\n"),
    ],
    "SHUTDOWN is refused": [
        ("MULTI", OK),
        ("SHUTDOWN NOSAVE", b"-ERR Command not allowed inside a transaction\r\n"),
        ("EXEC", ABORTED),
    ],
    "MONITOR fails": [
        ("MULTI", OK),
        ("MONITOR", QUEUED),
        ("EXEC", b"*1\r\n-ERR MONITOR isn't allowed for DENY BLOCKING client\r\n"),
        ("PING", b"+PONG\r\n"),
    ],
    "blocking commands do not block": [
        ("MULTI", OK),
        ("BLPOP k 0", QUEUED),
        ("RPUSH k a", QUEUED),
        ("BLPOP k 0", QUEUED),
        ("EXEC", b"*3\r\n*-1\r\n:1\r\n*2\r\n$1\r\nk\r\n$1\r\na\r\n"),
        ("PING", b"+PONG\r\n"),
    ],
    "RESP3 from the middle on": [
        ("MULTI", OK),
        ("HELLO 3 SETNAME a b", QUEUED),
        ("GET k", QUEUED),
        ("EXEC", b"*2\r\n-ERR Syntax error in HELLO option 'b'\r\n$-1\r\n"),
    ],
    "databases": [
        ("MULTI", OK),
        ("SELECT 1", QUEUED),
        ("SET k 1", QUEUED),
        ("SELECT 16", QUEUED),
        ("EXEC", b"*3\r\n+OK\r\n+OK\r\n-ERR DB index is out of range\r\n"),
        ("GET k", b"$1\r\n1\r\n"),
        ("SELECT 0", OK),
        ("GET k", b"$-1\r\n"),
    ],
    "in any case": [("multi", OK), ("sEt k 1", QUEUED), ("eXeC", b"*1\r\n+OK\r\n")],
    "RESET ends it": [
        ("MULTI", OK),
        ("SET k 1", QUEUED),
        ("RESET", b"+RESET\r\n"),
        ("GET k", b"$-1\r\n"),
    ],
    "watched and unchanged": [
        ("SET k 1", OK),
        ("WATCH k", OK),
        ("MULTI", OK),
        ("SET k 2", QUEUED),
        ("EXEC", b"*1\r\n+OK\r\n"),
    ],
    "watched and changed by itself": [
        ("WATCH k", OK),
        ("SET k 1", OK),
        ("MULTI", OK),
        ("SET k 2", QUEUED),
        ("EXEC", b"*-1\r\n"),
        ("GET k", b"$1\r\n1\r\n"),
        ("MULTI", OK),
        ("EXEC", b"*0\r\n"),
    ],
    "DISCARD forgets what was watched": [
        ("WATCH k", OK),
        ("SET k 1", OK),
        ("MULTI", OK),
        ("DISCARD", OK),
        ("MULTI", OK),
        ("EXEC", b"*0\r\n"),
    ],
    "UNWATCH forgets": [
        ("WATCH k", OK),
        ("SET k 1", OK),
        ("UNWATCH", OK),
        ("MULTI", OK),
        ("EXEC", b"*0\r\n"),
    ],
    "an abort forgets": [
        ("WATCH k", OK),
        ("SET k 1", OK),
        ("MULTI", OK),
        ("GET", b"-ERR wrong number of arguments for 'get' command\r\n"),
        ("EXEC", ABORTED),
        ("MULTI", OK),
        ("EXEC", b"*0\r\n"),
    ],
    "CLIENT REPLY OFF silences the rest": [
        ("MULTI", OK),
        ("PING", QUEUED),
        ("CLIENT REPLY OFF", QUEUED),
        ("PING", QUEUED),
        ("NOSUCH", b"-ERR unknown command 'NOSUCH', with args beginning with: \r\n"),
        ("DISCARD", OK),
        ("MULTI", OK),
        ("PING", QUEUED),
        ("CLIENT REPLY OFF", QUEUED),
        ("PING", QUEUED),
        ("EXEC", b"*3\r\n+PONG\r\n"),
        ("PING", b""),
        ("CLIENT REPLY ON", OK),
    ],
    "CLIENT REPLY SKIP inside means the command after EXEC": [
        ("MULTI", OK),
        ("CLIENT REPLY SKIP", QUEUED),
        ("PING", QUEUED),
        ("EXEC", b"*2\r\n+PONG\r\n"),
        ("PING", b""),
        ("PING", b"+PONG\r\n"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_said_one_by_one(name: str, alice: Peer) -> None:
    for line, reply in CONVERSATIONS[name]:
        assert (line, alice.send(*line.split())) == (line, reply)


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_said_in_one_read(name: str, alice: Peer) -> None:
    request = "".join(f"{line}\r\n" for line, _ in CONVERSATIONS[name]).encode()
    assert alice.feed(request) == b"".join(reply for _, reply in CONVERSATIONS[name])


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_said_in_one_read_while_somebody_waits(name: str, alice: Peer, bob: Peer) -> None:
    bob.send("BLPOP", "nothing", 0)
    test_said_in_one_read(name, alice)


def test_a_dirty_transaction_is_null_in_resp3(alice: Peer) -> None:
    alice.send("HELLO", 3)
    assert alice.feed(b"WATCH k\r\nSET k 1\r\nMULTI\r\nEXEC\r\n") == OK * 3 + b"_\r\n"


def test_hello_changes_the_encoding_in_the_middle(alice: Peer) -> None:
    reply = alice.feed(b"MULTI\r\nGET k\r\nHELLO 3\r\nGET k\r\nEXEC\r\n")
    assert reply.startswith(OK + QUEUED * 3 + b"*3\r\n$-1\r\n%7\r\n")
    assert reply.endswith(b"_\r\n")


def test_who_kills_itself_gets_the_replies_so_far(engine: Workbench, alice: Peer) -> None:
    alice.feed(b"MULTI\r\nPING\r\nCLIENT KILL TYPE normal SKIPME no\r\nSET k 1\r\n")
    assert alice.send("EXEC") == b"*3\r\n+PONG\r\n:1\r\n"
    assert alice.client in engine.server.closing
    assert engine.peer().send("GET", "k") == b"$1\r\n1\r\n"


# -- WATCH -----------------------------------------------------------------------------------------

CHANGES = {
    "SET": (["SET k 1"], ["SET k 1"]),
    "DEL": (["SET k 1"], ["DEL k"]),
    "a list that grows": (["RPUSH k a"], ["RPUSH k b"]),
    "a list that shrinks": (["RPUSH k a b"], ["LPOP k"]),
    "a list that becomes empty": (["RPUSH k a"], ["LPOP k"]),
    "creation": ([], ["SET k 1"]),
    "expiry set": (["SET k 1"], ["EXPIRE k 100"]),
    "expiry taken away": (["SET k 1 EX 100"], ["PERSIST k"]),
    "renamed away": (["SET k 1"], ["RENAME k other"]),
    "renamed to": (["SET other 1"], ["RENAME other k"]),
    "copied to": (["SET other 1"], ["COPY other k"]),
    "moved away": (["SET k 1"], ["MOVE k 1"]),
    "moved to": ([], ["SELECT 1", "SET k 1", "MOVE k 0"]),
    "FLUSHDB": (["SET k 1"], ["FLUSHDB"]),
    "FLUSHALL from elsewhere": (["SET k 1"], ["SELECT 1", "FLUSHALL"]),
    "swapped away": (["SET k 1"], ["SWAPDB 0 1"]),
    "swapped to": (["SELECT 1", "SET k 1", "SELECT 0"], ["SWAPDB 1 0"]),
    "popped by a waiter": (["RPUSH k a"], ["BLPOP k 0"]),
    "in a transaction": (["SET k 1"], ["MULTI", "INCR k", "EXEC"]),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_watched_key_is_changed_by(name: str, alice: Peer, bob: Peer) -> None:
    before, change = CHANGES[name]
    for line in before:
        alice.send(*line.split())
    assert alice.send("WATCH", "k") == OK
    for line in change:
        assert not bob.send(*line.split()).startswith(b"-")
    alice.feed(b"MULTI\r\nSET done 1\r\n")
    assert alice.send("EXEC") == b"*-1\r\n"
    assert alice.send("EXISTS", "done") == b":0\r\n"


NO_CHANGES = {
    "reading": (["SET k 1"], ["GET k", "TTL k", "TYPE k"]),
    "another key": (["SET k 1"], ["SET other 1", "DEL other"]),
    "the same name elsewhere": (["SET k 1"], ["SELECT 1", "SET k 2"]),
    "deleting what is not there": ([], ["DEL k", "FLUSHDB", "FLUSHALL"]),
    "a failed write": (["SET k 1"], ["LPUSH k a"]),
    "SET NX over it": (["SET k 1"], ["SETNX k 2"]),
    "swapping databases without it": ([], ["SET other 1", "SWAPDB 0 1"]),
    "swapping a database with itself": (["SET k 1"], ["SWAPDB 0 0"]),
}


@pytest.mark.parametrize("name", NO_CHANGES)
def test_a_watched_key_is_not_changed_by(name: str, alice: Peer, bob: Peer) -> None:
    before, others = NO_CHANGES[name]
    for line in before:
        alice.send(*line.split())
    alice.send("WATCH", "k")
    for line in others:
        bob.send(*line.split())
    assert alice.feed(b"MULTI\r\nPING\r\nEXEC\r\n") == OK + QUEUED + b"*1\r\n+PONG\r\n"


def test_what_came_before_watch_in_the_same_read_is_no_change(alice: Peer) -> None:
    request = b"SET k 1\r\nWATCH k\r\nMULTI\r\nSET k 2\r\nEXEC\r\n"
    assert alice.feed(request) == OK * 3 + QUEUED + b"*1\r\n+OK\r\n"


def test_a_watched_key_that_expires_has_changed(engine: Workbench, alice: Peer) -> None:
    alice.feed(b"SET k 1 PX 10\r\nWATCH k\r\nMULTI\r\nPING\r\n")
    engine.clock.advance(11)
    assert alice.send("EXEC") == b"*-1\r\n"


def test_a_watched_key_deleted_by_the_timer_has_changed(engine: Workbench, alice: Peer) -> None:
    alice.feed(b"SET k 1 PX 10\r\nWATCH k\r\nMULTI\r\nPING\r\n")
    engine.pass_time(1000)
    assert alice.send("EXEC") == b"*-1\r\n"


def test_a_key_that_had_expired_when_it_was_watched_has_not_changed(engine: Workbench, alice: Peer) -> None:
    alice.send("SET", "k", 1, "PX", 10)
    engine.clock.advance(11)
    assert alice.feed(b"WATCH k\r\nMULTI\r\nPING\r\n") == OK * 2 + QUEUED
    engine.pass_time(1000)
    assert alice.send("EXEC") == b"*1\r\n+PONG\r\n"


def test_all_watched_keys_count_and_twice_is_once(engine: Workbench, alice: Peer, bob: Peer) -> None:
    alice.send("WATCH", "a", "b", "a", "b")
    assert len(alice.client.watched) == 2
    bob.send("SET", "b", 1)
    alice.send("MULTI")
    assert alice.send("EXEC") == b"*-1\r\n"
    assert engine.server.watchers == {}


def test_after_a_change_nothing_is_watched_and_the_next_exec_fails_all_the_same(alice: Peer) -> None:
    """As redis-server 8.2.3 shows it in CLIENT INFO."""
    alice.send("WATCH", "a", "b")
    alice.send("SET", "a", 1)
    assert b"flags=d " in alice.send("CLIENT", "INFO")
    alice.send("WATCH", "c")
    assert b" watch=0 " in alice.send("CLIENT", "INFO")
    transaction = b"MULTI\r\nPING\r\nEXEC\r\n"
    assert alice.feed(transaction) == OK + QUEUED + b"*-1\r\n"
    assert alice.feed(transaction) == OK + QUEUED + b"*1\r\n+PONG\r\n"


def test_a_change_in_the_same_read_is_told_as_well(alice: Peer) -> None:
    replies = alice.feed(b"WATCH a\r\nSET a 1\r\nCLIENT INFO\r\nCLIENT LIST\r\nINFO clients\r\n")
    assert replies.count(b" watch=0 ") == 2
    assert b"watching_clients:0\r\n" in replies


def test_who_leaves_watches_nothing(engine: Workbench, alice: Peer) -> None:
    alice.send("WATCH", "a", "b")
    engine.disconnect(alice.client)
    assert engine.server.watchers == {}


# -- the log ---------------------------------------------------------------------------------------


class Log:
    """Stands for the append-only file: remembers what it is given."""

    selected_db = 0

    def __init__(self) -> None:
        self.raw: list[bytes] = []
        self.commands: list[tuple[int, Argv]] = []

    def append(self, data: bytes) -> None:
        self.raw.append(data)

    def append_effect(self, db: int, argv: Argv) -> None:
        self.commands.append((db, argv))

    def append_effects(self, effects: Effects) -> None:
        self.commands += [(db.index, argv) for db, _, _, argv in effects if argv is not None]


@pytest.fixture
def log(engine: Engine) -> Log:
    log = Log()
    engine.server.aof = log  # type: ignore[assignment]
    return log


@pytest.mark.parametrize("times", [1, 2])
def test_a_transaction_of_plain_writes_passes_through(
    engine: Workbench, alice: Peer, log: Log, times: int
) -> None:
    data = encode_lines("MULTI", "SET k 1", "RPUSH l a b", "HSET h f v", "HDEL h f", "EXEC") * times
    alice.feed(data)
    assert (log.raw, log.commands) == ([data], [])
    assert engine.server.changes_since_save == 4 * times


def test_a_transaction_passes_through_while_somebody_waits_for_another_key(
    engine: Workbench, alice: Peer, bob: Peer, log: Log
) -> None:
    bob.send("BLPOP", "jobs", 0)
    data = encode_lines("MULTI", "SET k 1", "RPUSH l a", "EXEC")
    assert alice.feed(data) == OK + QUEUED * 2 + b"*2\r\n" + OK + b":1\r\n"
    assert (log.raw, log.commands) == ([data], [])
    assert engine.server.changes_since_save == 2
    alice.feed(encode_lines("MULTI", "RPUSH jobs a", "EXEC"))
    assert bob.take() == b"*2\r\n$4\r\njobs\r\n$1\r\na\r\n"
    assert [argv[0] for _, argv in log.commands] == [b"MULTI", b"RPUSH", b"EXEC", b"LPOP"]


def test_a_transaction_in_another_database_than_the_log_is_logged_encoded(alice: Peer, log: Log) -> None:
    alice.send("SELECT", "1")
    alice.feed(encode_lines("MULTI", "SET k 1", "EXEC"))
    assert (log.raw, log.commands) == ([], [(1, [b"MULTI"]), (1, [b"SET", b"k", b"1"]), (1, [b"EXEC"])])


def test_a_transaction_passes_through_without_its_select(alice: Peer, log: Log) -> None:
    alice.feed(encode_lines("MULTI", "SET k 1", "SELECT 1", "EXEC"))
    assert (log.raw, log.commands) == ([encode_lines("MULTI", "SET k 1", "EXEC")], [])


def test_in_several_reads_the_same_is_logged_encoded(alice: Peer, log: Log) -> None:
    for line in ("MULTI", "SET k 1", "RPUSH l a", "EXEC"):
        alice.send(*line.split())
    assert log.raw == []
    assert log.commands == [(0, line.encode().split()) for line in ("MULTI", "SET k 1", "RPUSH l a", "EXEC")]


@pytest.mark.parametrize("read", [True, False])
def test_the_log_gets_the_effects_between_multi_and_exec(alice: Peer, log: Log, *, read: bool) -> None:
    lines = ["MULTI", "GET k", "SETNX k 1", "SETNX k 2", "LPUSH k a", "GETDEL k", "EXEC"]
    if read:
        alice.feed(encode_lines(*lines))
    else:
        for line in lines:
            alice.send(*line.split())
    logged = [b" ".join(argv) for _, argv in log.commands]
    assert (log.raw, logged) == ([], [b"MULTI", b"SETNX k 1", b"DEL k", b"EXEC"])


def test_a_transaction_without_effects_leaves_no_trace(alice: Peer, log: Log) -> None:
    alice.feed(encode_lines("MULTI", "GET k", "DEL k", "PING", "EXEC"))
    assert (log.raw, log.commands) == ([], [])


def test_commands_around_a_transaction_stay_outside(alice: Peer, log: Log) -> None:
    alice.feed(encode_lines("SET a 1", "MULTI", "GET a", "INCR a", "EXEC", "SET b 1"))
    assert (log.raw, log.commands) == ([encode_lines("SET a 1", "MULTI", "INCR a", "EXEC", "SET b 1")], [])


def test_the_database_is_that_of_the_first_and_last_effect(alice: Peer, log: Log) -> None:
    alice.feed(encode_lines("MULTI", "SELECT 1", "SET k 1", "SELECT 2", "SET k 1", "EXEC"))
    assert [db for db, _ in log.commands] == [1, 1, 2, 2]


# -- who waits -------------------------------------------------------------------------------------


def test_a_waiter_is_served_after_exec_not_in_between(alice: Peer, bob: Peer) -> None:
    bob.send("BLPOP", "l", 0)
    alice.feed(b"MULTI\r\nRPUSH l a\r\nLPOP l\r\nRPUSH l b c\r\n")
    assert alice.send("EXEC") == b"*3\r\n:1\r\n$1\r\na\r\n:2\r\n"
    assert bob.take() == b"*2\r\n$1\r\nl\r\n$1\r\nb\r\n"


def test_a_waiter_sees_nothing_of_what_came_and_went(alice: Peer, bob: Peer) -> None:
    bob.send("BLPOP", "l", 0)
    alice.feed(b"MULTI\r\nRPUSH l a\r\nDEL l\r\nEXEC\r\n")
    assert bob.take() == b""


# -- statistics ------------------------------------------------------------------------------------


@pytest.mark.parametrize("together", [True, False])
def test_calls_are_counted_when_they_are_executed(engine: Workbench, alice: Peer, *, together: bool) -> None:
    alice.send("CONFIG", "RESETSTAT")
    lines = [b"MULTI\r\n", b"SET k 1\r\n", b"LPUSH k a\r\n", b"EXEC\r\n"]
    for data in [b"".join(lines)] if together else lines:
        alice.feed(data)
    engine.server.count_done()
    specs = engine.server.specs
    assert [specs[name].calls for name in ("MULTI", "SET", "LPUSH", "EXEC")] == [1, 1, 1, 1]
    assert [specs[name].failed_calls for name in ("SET", "LPUSH", "EXEC")] == [0, 1, 0]
    assert engine.server.stats.errors == {"WRONGTYPE": 1}
    assert all(specs[name].usec > 0 for name in ("MULTI", "SET", "EXEC"))


def test_refusals_are_counted_where_they_happen(engine: Workbench, alice: Peer) -> None:
    alice.send("CONFIG", "RESETSTAT")
    alice.feed(b"MULTI\r\nSET k\r\nCLIENT ID x\r\nEXEC\r\n")
    specs = engine.server.specs
    assert [specs[name].rejected_calls for name in ("SET", "CLIENT|ID")] == [1, 1]
    assert (specs["EXEC"].failed_calls, specs["EXEC"].rejected_calls) == (1, 0)


@pytest.mark.parametrize("line", ["MOVE k 1", "COPY k k DB 1"])
def test_what_expires_in_another_database_is_logged_before_the_transaction(
    line: str, kept: Kept, ann: Peer
) -> None:
    ann.feed(b"SET k new\r\nSELECT 1\r\nSET k old PX 10\r\nSELECT 0\r\nSET z 1\r\n")
    kept.clock.advance(11)
    assert ann.feed(encode("MULTI") + encode(*line.split()) + encode("EXEC")).endswith(b"*1\r\n:1\r\n")
    kept.written()
    assert kept.replays()


# -- transactions like earlier ones ----------------------------------------------------------------

BEFORE = {
    "nothing": "PING",
    "another database": "SELECT 1",
    "another protocol": "HELLO 3",
    "a transaction": "MULTI",
    "a watched key that changes": "WATCH n|INCR n",
    "a watched key": "WATCH n",
    "a command is no longer allowed": "ACL SETUSER default -incr",
    "a key is no longer allowed": "ACL SETUSER default resetkeys ~n",
    "a list is none any more": "SET list x",
    "silence": "CLIENT REPLY OFF",
    "events": "CONFIG SET notify-keyspace-events KEA",
    "tracking": "HELLO 3|CLIENT TRACKING ON BCAST",
    "replicas are missing": "CONFIG SET min-replicas-to-write 1",
}


@pytest.mark.parametrize("before", BEFORE.values(), ids=list(BEFORE))
def test_a_transaction_like_earlier_ones_is_what_its_commands_are(before: str) -> None:
    words = [("MULTI",), ("LPUSH", "list", "%d"), ("INCR", "n"), ("GET", "n"), ("EXEC",)]
    transaction = [encode(*argv) for argv in words]
    said = []
    for together in (True, False):
        engine = Workbench()
        alice = engine.peer()
        for n in range(10, 20):
            feed(alice, transaction, n, together=together)
        for line in before.split("|"):
            alice.send(*line.split())
        said.append([feed(alice, transaction, n, together=together) for n in range(20, 23)])
        engine.server.count_done()
        for argv in words:
            spec = engine.server.specs[argv[0]]
            said[-1].append(b"%d %d %d" % (spec.calls, spec.failed_calls, spec.rejected_calls))
    assert said[0] == said[1]


def feed(peer: Peer, commands: list[bytes], n: int, *, together: bool) -> bytes:
    """Send commands about `n`, in one read or each by itself."""
    encoded = [command.replace(b"%d", b"%d" % n) for command in commands]
    return peer.feed(b"".join(encoded)) if together else b"".join(map(peer.feed, encoded))
