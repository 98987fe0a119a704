"""What a restricted user gets to do: one by one, in runs, transactions and scripts, and after a wait."""

from __future__ import annotations

import pytest

from respq import restrictions, tables
from respq.acl.permissions import EVERY_ACCESS, Patterns
from respq.protocol.runs import Run
from respq.restrictions import admits_run
from tests.conftest import Peer, Workbench
from tests.resp import encode

OK = b"+OK\r\n"
NO_KEY = b"-NOPERM No permissions to access a key\r\n"
NO_CHANNEL = b"-NOPERM No permissions to access a channel\r\n"
NO_LONGER = (
    b"-NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. "
    b"This command is no longer allowed for the following reason: %b\r\n"
)


def no_command(name: str) -> bytes:
    return f"-NOPERM User ann has no permissions to run the '{name}' command\r\n".encode()


@pytest.fixture
def ann(engine: Workbench) -> Peer:
    """A connection of a user with keys a…, readable keys r…, writable ones w… and channels c…."""
    peer = engine.peer()
    rules = "on nopass +@all -config +config|get -flushall ~a* %R~r* %W~w* &c* +select|0 -select +select|0"
    assert peer.send("ACL", "SETUSER", "ann", *rules.split()) == OK
    assert peer.send("AUTH", "ann", "x") == OK
    return peer


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ("GET a", b"$-1\r\n"),
        ("GET x", NO_KEY),
        ("get r", b"$-1\r\n"),
        ("SET r 1", NO_KEY),
        ("SET w 1", OK),
        ("SET w 1 GET", NO_KEY),
        ("GET w", NO_KEY),
        ("EXISTS w", b":0\r\n"),
        ("MGET a r x", NO_KEY),
        ("ZUNION 1x x", NO_KEY),
        ("ZUNION 1x a", b"-ERR value is not an integer or out of range\r\n"),
        ("EVAL x 4294967297 x", NO_KEY),
        ("DEL a1 a2", b":0\r\n"),
        ("DEL a1 r1", NO_KEY),
        ("RENAME a x", NO_KEY),
        ("LMOVE a1 a2 LEFT LEFT", b"$-1\r\n"),
        ("LMOVE a1 x LEFT LEFT", NO_KEY),
        ("ZUNIONSTORE a 1 x", NO_KEY),
        ("ZUNIONSTORE a nan x", b"-ERR value is not an integer or out of range\r\n"),
        ("XREAD STREAMS a x 0 0", NO_KEY),
        ("EVAL return", b"-ERR wrong number of arguments for 'eval' command\r\n"),
        ("FLUSHALL", no_command("flushall")),
        ("FLUSHALL x y z", no_command("flushall")),
        ("CONFIG SET port 1", no_command("config|set")),
        ("CONFIG NOPE", b"-ERR unknown subcommand 'NOPE'. Try CONFIG HELP.\r\n"),
        ("SELECT 0", OK),
        ("SELECT 1", no_command("select")),
        ("AUTH ann x", OK),
        ("PUBLISH c1 x", b":0\r\n"),
        ("PUBLISH d x", NO_CHANNEL),
        ("PSUBSCRIBE c1*", NO_CHANNEL),
        ("SSUBSCRIBE d", NO_CHANNEL),
        ("SORT a BY x*", b"-ERR BY option of SORT denied due to insufficient ACL permissions.\r\n"),
        ("SORT a GET #", b"-ERR GET option of SORT denied due to insufficient ACL permissions.\r\n"),
        ("SORT a BY nosort", b"*0\r\n"),
    ],
)
def test_one_command(line: str, reply: bytes, ann: Peer) -> None:
    assert ann.send(*line.split()) == reply


@pytest.mark.parametrize(
    "line",
    [
        "SORT a STORE STORE a2",
        "SORT a STORE STORE ASC",
        "XREADGROUP COUNT 1 GROUP STREAMS a STREAMS x >",
        "XREADGROUP COUNT 1 group g streams streams x >",
        "XREADGROUP COUNT 1 GROUP STREAMS STREAMS STREAMS x >",
        "XREADGROUP GROUP g a GROUP g STREAMS STREAMS x >",
        "XREADGROUP GROUP GROUP a GROUP g STREAMS NOACK STREAMS a x > >",
    ],
)
def test_keys_are_looked_for_where_the_command_has_them(line: str, engine: Workbench) -> None:
    """Words that are names or keys themselves lead redis-server 8.2.3 astray, which lets these through."""
    peer = engine.peer()
    for rules in ("+@all ~a* ~STREAMS ~ASC", "+@all ~*"):
        peer.send("AUTH", "default", "x")
        peer.send("ACL", "SETUSER", "ann", "on", "nopass", "resetkeys", *rules.split())
        peer.send("AUTH", "ann", "x")
        assert (peer.send(*line.split()) == NO_KEY) is (rules != "+@all ~*")


def test_names_are_no_keys(ann: Peer) -> None:
    for line in (
        "XREADGROUP GROUP x STREAMS STREAMS a >",
        "XREADGROUP COUNT 1 GROUP STREAMS STREAMS STREAMS a >",
    ):
        assert ann.send(*line.split()).startswith(b"-NOGROUP")
    keys = "XREADGROUP COUNT 1 GROUP STREAMS c STREAMS a a2 > >"
    assert ann.send("COMMAND", "GETKEYS", *keys.split()) == b"*2\r\n$1\r\na\r\n$2\r\na2\r\n"


def test_a_user_with_all_permissions_has_the_table_of_everybody(engine: Workbench, alice: Peer) -> None:
    alice.send("ACL", "SETUSER", "root", "on", "nopass", "+@all", "~*", "&*")
    bob = engine.peer()
    bob.send("AUTH", "root", "x")
    assert bob.client.table is alice.client.table


def test_users_with_the_same_permissions_share_a_table(engine: Workbench, ann: Peer, bob: Peer) -> None:
    bob.send("ACL", "SETUSER", "x", *["on", "nopass", "~k*", "+@all"])
    bob.send("ACL", "SETUSER", "y", *["on", "nopass", "+@all", "~k*"])
    carol = engine.peer()
    bob.send("AUTH", "x", "")
    carol.send("AUTH", "y", "")
    assert bob.client.table is carol.client.table is not ann.client.table


@pytest.mark.parametrize("count", [1, 4, 20])
def test_a_run_is_refused_command_by_command(count: int, engine: Workbench, ann: Peer) -> None:
    run = b"".join(b"*3\r\n$5\r\nLPUSH\r\n$1\r\n%b\r\n$1\r\nv\r\n" % key for key in [b"x"] * count)
    assert ann.feed(run) == NO_KEY * count
    mixed = run.replace(b"\r\nx\r\n", b"\r\na\r\n") + run
    assert ann.feed(mixed) == b"".join(b":%d\r\n" % (n + 1) for n in range(count)) + NO_KEY * count
    assert engine.server.databases[0].get(b"x") is None


def test_a_run_over_many_keys_is_refused_where_it_is_not_allowed(ann: Peer) -> None:
    keys = [b"a1", b"a2", b"r1", b"a3", b"x1", b"a4"] * 4
    replies = ann.feed(b"".join(b"*3\r\n$3\r\nSET\r\n$2\r\n%b\r\n$1\r\nv\r\n" % key for key in keys))
    assert replies == b"".join(OK if key.startswith(b"a") else NO_KEY for key in keys)


def test_a_run_of_a_restricted_user_is_executed_by_its_bulk_form(engine: Workbench, ann: Peer) -> None:
    taken = []
    spec = engine.server.specs["LPUSH"]
    bulk = spec.bulk
    assert bulk is not None
    spec.bulk = lambda c, run: taken.append(run.count) or bulk(c, run)  # type: ignore[func-returns-value]
    ann.feed(b"*3\r\n$5\r\nLPUSH\r\n$1\r\na\r\n$1\r\nv\r\n" * 16)
    assert taken == [16]


def test_runs_of_whoever_is_connected_stay_runs_however_many_users_there_are(
    engine: Workbench, ann: Peer, bob: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "RESTRICTED_KEPT", 2)
    others = engine.peer()
    for number in range(3):
        bob.send("ACL", "SETUSER", f"u{number}", "on", "nopass", "+@all", f"~u{number}:*")
        others.send("AUTH", f"u{number}", "")
    handler, spec = ann.client.table[b"LPUSH"][3]
    run = [[b"LPUSH", b"a", b"v"]] * 4
    assert handler is not spec.bare
    assert admits_run(handler, Run([], None, run))
    assert not admits_run(handler, Run([], None, [*run, [b"LPUSH", b"x", b"v"]]))


def test_commands_share_the_patterns_that_they_ask_for(
    engine: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    monkeypatch.setattr(restrictions, "Patterns", lambda patterns: made.append(1) or Patterns(patterns))
    peer = engine.peer()
    peer.send("ACL", "SETUSER", "ann", "on", "nopass", "+@all", "&*", "~a*", "%R~r*")
    peer.send("AUTH", "ann", "")
    assert len(made) == len(EVERY_ACCESS)


@pytest.mark.parametrize(
    ("allowed", "refused"),
    [
        (["EVAL", "return 1", "1", "a"], ["EVAL", "return 1", "1", "x"]),
        (["EVAL", "return 1", "0", "x"], ["EVAL", "return 1", "1", "x"]),
        (["EVAL", "return 1", "nan", "x"], ["EVAL", "return 1", "1", "x"]),
        (["XREAD", "STREAMS", "a", "0"], ["XREAD", "STREAMS", "x", "0"]),
        (["XREAD", "COUNT", "STREAMS", "x"], ["XREAD", "STREAMS", "x", "0"]),
        (["DEL", "a", "a"], ["DEL", "a", "x"]),
        (["MSET", "a", "1", "a", "x"], ["MSET", "a", "1", "x", "x"]),
        (["LMOVE", "a", "a", "LEFT", "LEFT"], ["LMOVE", "a", "x", "LEFT", "LEFT"]),
        (["COPY", "r", "a"], ["COPY", "a", "r"]),
        (["COPY", "r", "w"], ["COPY", "w", "r"]),
        (["SET", "w", "1"], ["SET", "w", "1", "GET"]),
        (["SET", "a", "1", "GET"], ["SET", "r", "1"]),
        (["OBJECT", "ENCODING", "r"], ["OBJECT", "ENCODING", "x"]),
    ],
)
def test_keys_are_found_in_every_command_of_a_run(allowed: list[str], refused: list[str], ann: Peer) -> None:
    assert NO_KEY not in ann.feed(encode(*allowed) * 5)
    assert ann.feed((encode(*allowed) + encode(*refused)) * 5).count(NO_KEY) == 5
    assert ann.feed(encode(*allowed) * 5 + encode(*refused) * 5).endswith(NO_KEY * 5)


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize(
    "command", ["MSET {} v {} v", "COPY {} {}", "DEL {} {}", "EVAL return 2 {} {}", "LMOVE {} {} LEFT LEFT"]
)
def test_one_selector_has_to_allow_all_keys(
    command: str, engine: Workbench, bob: Peer, *, together: bool
) -> None:
    bob.send("ACL", "SETUSER", "eve", "on", "nopass", "(+@all ~k*)", "(+@all ~m*)")
    eve = engine.peer()
    eve.send("AUTH", "eve", "")
    allowed = [("k", "k1"), ("m", "m1"), ("k1", "k")] * 2
    refused = [("k", "m"), ("m", "k"), ("x", "k")] * 2
    count = 6 if together else 1
    for pair in allowed:
        assert NO_KEY not in eve.feed(f"{command.format(*pair)}\r\n".encode() * count)
    for pair in refused:
        assert eve.feed(f"{command.format(*pair)}\r\n".encode() * count) == NO_KEY * count


@pytest.mark.parametrize("name", [b"PUBLISH", b"SPUBLISH"])
def test_one_selector_has_to_allow_the_channel_of_a_message(name: bytes, ann: Peer, bob: Peer) -> None:
    assert bob.send("ACL", "SETUSER", "ann", "(+@pubsub &d?)") == OK
    channels = {b"c": True, b"cx": True, b"d": False, b"d1": True, b"e": False, b"d2": True}
    replies = ann.feed(b"".join(b"%b %b x\r\n" % (name, channel) for channel in channels))
    assert replies == b"".join(b":0\r\n" if allowed else NO_CHANNEL for allowed in channels.values())
    assert bob.send("ACL", "SETUSER", "ann", "(+@pubsub allchannels)") == OK
    assert ann.send(name, "e", "x") == b":0\r\n"


@pytest.mark.parametrize("piece", [1, 1000])
def test_what_is_refused_while_queueing_aborts_the_transaction(piece: int, ann: Peer) -> None:
    data = b"MULTI\r\nSET a 1\r\nSET x 1\r\nEXEC\r\nGET a\r\n"
    reply = b"".join(ann.feed(data[at : at + piece]) for at in range(0, len(data), piece))
    abort = b"-EXECABORT Transaction discarded because of previous errors.\r\n"
    assert reply == OK + b"+QUEUED\r\n" + NO_KEY + abort + b"$-1\r\n"


def test_a_transaction_of_a_restricted_user_is_executed(ann: Peer) -> None:
    reply = ann.feed(b"MULTI\r\nSET a 1\r\nINCR a\r\nEXEC\r\n")
    assert reply == OK + b"+QUEUED\r\n" * 2 + b"*2\r\n+OK\r\n:2\r\n"


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ("-set", b"no permission to execute the command or subcommand"),
        ("resetkeys", b"no permission to touch the specified keys"),
    ],
)
def test_exec_looks_again(rule: str, reason: bytes, ann: Peer, bob: Peer) -> None:
    ann.feed(b"MULTI\r\nSET a 1\r\nPING\r\n")
    bob.send("ACL", "SETUSER", "ann", rule)
    assert ann.feed(b"EXEC\r\n") == b"*2\r\n" + NO_LONGER % reason + b"+PONG\r\n"
    stats = bob.send("INFO", "commandstats")
    assert b"cmdstat_set:" not in stats
    assert b"cmdstat_exec:calls=1" in stats


def test_channels_are_looked_at_again_as_well(ann: Peer, bob: Peer) -> None:
    ann.feed(b"MULTI\r\nPUBLISH c x\r\n")
    bob.send("ACL", "SETUSER", "ann", "resetchannels")
    reason = b"no permission to access one of the channels used as arguments"
    assert ann.feed(b"EXEC\r\n") == b"*1\r\n" + NO_LONGER % reason


def test_scripts_may_do_what_their_user_may(ann: Peer) -> None:
    assert ann.send("EVAL", "return redis.call('SET', KEYS[1], '1')", 1, "a") == OK
    assert ann.send("EVAL", "return 1", 1, "x") == NO_KEY
    reply = ann.send("EVAL", "return redis.call('GET', 'x')", 0)
    assert reply.startswith(b"-ERR ACL failure in script: No permissions to access a key script: ")
    reply = ann.send("EVAL", "return redis.pcall('FLUSHALL').err", 0)
    assert reply.endswith(
        b"\r\nERR ACL failure in script: User ann has no permissions to run the 'flushall' command\r\n"
    )


def test_each_script_runs_with_the_permissions_of_its_own_user(ann: Peer, bob: Peer) -> None:
    script = "return redis.call('SET', 'x', '1')"
    assert bob.send("EVAL", script, 0) == OK
    assert ann.send("EVAL", script, 0).startswith(b"-ERR ACL failure in script: ")
    assert bob.send("EVAL", script, 0) == OK


@pytest.mark.parametrize(
    ("call", "answer"),
    [("'get', 'a'", b":1\r\n"), ("'get', 'x'", b"$-1\r\n"), ("'config', 'set', 'a', 'b'", b"$-1\r\n")],
)
def test_scripts_can_ask_what_they_may_do(call: str, answer: bytes, ann: Peer) -> None:
    assert ann.send("EVAL", f"return redis.acl_check_cmd({call})", 0) == answer


def test_a_blocked_client_is_looked_at_again_when_it_is_woken(ann: Peer, bob: Peer) -> None:
    assert ann.send("BLPOP", "a", 0) == b""
    bob.send("ACL", "SETUSER", "ann", "resetkeys")
    assert bob.send("RPUSH", "a", "1") == b":1\r\n"
    assert ann.take() == NO_KEY
    assert bob.send("LLEN", "a") == b":1\r\n"
    assert b"cmdstat_blpop:calls=0," in bob.send("INFO", "commandstats")


def test_a_change_takes_effect_in_the_same_batch(ann: Peer) -> None:
    reply = ann.feed(b"GET a\r\nACL SETUSER ann -get\r\nGET a\r\nACL SETUSER ann +get\r\nGET a\r\n")
    assert reply == b"$-1\r\n" + OK + no_command("get") + OK + b"$-1\r\n"


def test_permissions_hold_while_a_gate_is_up_and_while_somebody_monitors(
    engine: Workbench, ann: Peer
) -> None:
    engine.refuse_writes("the disk is full")
    assert ann.send("SET", "x", 1) == NO_KEY
    assert ann.send("SET", "a", 1) == b"-MISCONF the disk is full\r\n"
    engine.accept_writes()
    monitor = engine.peer()
    monitor.send("MONITOR")
    assert ann.feed(b"LPUSH x 1\r\n" * 8) == NO_KEY * 8
    assert ann.send("SET", "a", 1) == OK


# -- connections -----------------------------------------------------------------------------------


def test_connections_of_a_deleted_user_are_closed(engine: Workbench, ann: Peer, bob: Peer) -> None:
    assert bob.send("ACL", "DELUSER", "ann", "nobody") == b":1\r\n"
    assert ann.client in engine.server.closing
    assert bob.client not in engine.server.closing


def test_who_deletes_its_own_user_gets_the_answer(engine: Workbench, ann: Peer) -> None:
    assert ann.feed(b"ACL DELUSER ann\r\nPING\r\n") == b":1\r\n"
    assert ann.client in engine.server.closing


def test_a_listener_is_closed_once_it_may_not_hear_its_channel(
    engine: Workbench, ann: Peer, bob: Peer
) -> None:
    ann.feed(b"HELLO 3\r\nSUBSCRIBE c1\r\nPSUBSCRIBE c*\r\n")
    bob.send("ACL", "SETUSER", "ann", "resetchannels", "&c*")
    assert ann.client not in engine.server.closing
    bob.send("ACL", "SETUSER", "ann", "resetchannels", "&c1", "&c?")
    assert ann.client in engine.server.closing


def test_a_password_for_the_default_user_is_asked_of_newcomers(engine: Workbench, alice: Peer) -> None:
    alice.send("ACL", "SETUSER", "default", ">one")
    newcomer = engine.peer()
    assert newcomer.send("PING") == b"-NOAUTH Authentication required.\r\n"
    assert newcomer.client.reader.restricted
    assert newcomer.send("AUTH", "one") == OK
    assert alice.send("CONFIG", "GET", "requirepass") == b"*2\r\n$11\r\nrequirepass\r\n$0\r\n\r\n"
    alice.send("CONFIG", "SET", "requirepass", "two")
    assert newcomer.send("AUTH", "one").startswith(b"-WRONGPASS")
    assert newcomer.send("AUTH", "default", "two") == OK


def test_hello_wants_to_have_authenticated_even_where_nobody_needs_to(engine: Workbench, alice: Peer) -> None:
    alice.send("CONFIG", "SET", "requirepass", "secret")
    newcomer = engine.peer()
    alice.send("CONFIG", "SET", "requirepass", "")
    assert newcomer.send("PING") == b"+PONG\r\n"
    assert newcomer.send("HELLO", 3).startswith(b"-NOAUTH HELLO must be called")
    assert not newcomer.client.reader.restricted


def test_reset_makes_the_default_user_of_a_connection(ann: Peer) -> None:
    assert ann.send("ACL", "WHOAMI") == b"$3\r\nann\r\n"
    assert b" user=ann " in ann.send("CLIENT", "INFO")
    ann.send("RESET")
    assert ann.send("ACL", "WHOAMI") == b"$7\r\ndefault\r\n"
    assert ann.send("GET", "x") == b"$-1\r\n"


def test_connections_can_be_killed_by_user(engine: Workbench, ann: Peer, bob: Peer) -> None:
    assert bob.send("CLIENT", "KILL", "USER", "nobody") == b"-ERR No such user 'nobody'\r\n"
    assert bob.send("CLIENT", "KILL", "USER", "ann") == b":1\r\n"
    assert ann.client in engine.server.closing


# -- what people see -------------------------------------------------------------------------------


def test_no_password_is_shown_to_a_monitor_or_kept_in_the_slow_log(engine: Workbench, bob: Peer) -> None:
    bob.send("CONFIG", "SET", "slowlog-log-slower-than", "0")
    monitor = engine.peer()
    monitor.send("MONITOR")
    bob.send("ACL", "SETUSER", "ann", "on", ">secret")
    bob.send("ACL", "DRYRUN", "ann", "AUTH", "ann", "secret")
    engine.peer().send("AUTH", "ann", "secret")
    slow = bob.send("SLOWLOG", "GET")
    assert b"secret" not in monitor.take() + slow + bob.send("ACL", "LIST")
    assert b"$7\r\nSETUSER\r\n$10\r\n(redacted)\r\n" in slow


def test_auth_inside_a_transaction_counts_for_what_follows(ann: Peer, bob: Peer) -> None:
    reply = bob.feed(b"MULTI\r\nSET x 1\r\nAUTH ann x\r\nSET x 2\r\nEXEC\r\n")
    assert reply.endswith(b"*3\r\n+OK\r\n+OK\r\n" + NO_LONGER % b"no permission to touch the specified keys")


def test_who_may_not_exec_has_no_transaction(ann: Peer) -> None:
    ann.send("ACL", "SETUSER", "ann", "-exec")
    reply = ann.feed(b"MULTI\r\nSET a 1\r\nEXEC\r\n")
    assert reply.endswith(
        b"-EXECABORT Transaction discarded because of: "
        b"NOPERM User ann has no permissions to run the 'exec' command\r\n"
    )


def test_a_listener_whose_user_never_had_a_channel_is_left_alone(
    engine: Workbench, alice: Peer, bob: Peer
) -> None:
    bob.send("ACL", "SETUSER", "eve", "on", "nopass", "+@all")
    alice.feed(b"HELLO 3\r\nSUBSCRIBE c\r\nAUTH eve x\r\n")
    bob.send("ACL", "SETUSER", "eve", "-get")
    assert alice.client not in engine.server.closing
    bob.send("ACL", "SETUSER", "eve", "&d")
    assert alice.client not in engine.server.closing
    bob.send("ACL", "SETUSER", "eve", "-set")
    assert alice.client in engine.server.closing
