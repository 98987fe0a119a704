"""AUTH, HELLO, PING, RESET and their like: replies as redis-server 8.2.3 gives them."""

from __future__ import annotations

import pytest

from tests.conftest import Peer, Workbench

OK = b"+OK\r\n"
WRONG_PASSWORD = b"-WRONGPASS invalid username-password pair or user is disabled.\r\n"
NO_AUTH = b"-NOAUTH Authentication required.\r\n"
UNEXPECTED = (
    b"-ERR AUTH <password> called without any password configured for the default user. "
    b"Are you sure your configuration is correct?\r\n"
)
HELLO_NO_AUTH = (
    b"-NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH "
    b"<user> <pass> option can be used to authenticate the client and select the RESP protocol version "
    b"at the same time\r\n"
)
GREETING = (
    b"%(head)b\r\n$6\r\nserver\r\n$5\r\nrespq\r\n$7\r\nversion\r\n$5\r\n8.2.3\r\n$5\r\nproto\r\n:%(proto)d\r\n"
    b"$2\r\nid\r\n:1\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n"
    b"$7\r\nmodules\r\n*0\r\n"
)
GREETING_2 = GREETING % {b"head": b"*14", b"proto": 2}
GREETING_3 = GREETING % {b"head": b"%7", b"proto": 3}


def arity(name: str) -> bytes:
    return f"-ERR wrong number of arguments for '{name}' command\r\n".encode()


@pytest.mark.parametrize(
    ("words", "reply"),
    [
        (["PING"], b"+PONG\r\n"),
        (["PING", ""], b"$0\r\n\r\n"),
        (["PING", "hello"], b"$5\r\nhello\r\n"),
        (["PING", "a", "b"], arity("ping")),
        (["ECHO", "a b"], b"$3\r\na b\r\n"),
        (["ECHO"], arity("echo")),
        (["ECHO", "a", "b"], arity("echo")),
        (["SELECT", "15"], OK),
        (["SELECT", "16"], b"-ERR DB index is out of range\r\n"),
        (["SELECT", "-1"], b"-ERR DB index is out of range\r\n"),
        (["SELECT", "one"], b"-ERR value is not an integer or out of range\r\n"),
        (["SELECT", "99999999999"],
         b"-ERR value is out of range, value must between -2147483648 and 2147483647\r\n"),
        (["AUTH", "secret"], UNEXPECTED),
        (["AUTH", "default", "anything"], OK),
        (["AUTH", "nobody", "anything"], WRONG_PASSWORD),
        (["AUTH"], arity("auth")),
        (["AUTH", "a", "b", "c"], b"-ERR syntax error\r\n"),
        (["RESET", "now"], arity("reset")),
        (["HELLO"], GREETING_2),
        (["HELLO", "2"], GREETING_2),
        (["HELLO", "3"], GREETING_3),
        (["HELLO", "3", "setname", "me", "auth", "default", "x"], GREETING_3),
        (["HELLO", "1"], b"-NOPROTO unsupported protocol version\r\n"),
        (["HELLO", "4", "NONSENSE"], b"-NOPROTO unsupported protocol version\r\n"),
        (["HELLO", "three"], b"-ERR Protocol version is not an integer or out of range\r\n"),
        (["HELLO", "03"], b"-ERR Protocol version is not an integer or out of range\r\n"),
        (["HELLO", "2", "AUTH", "default"], b"-ERR Syntax error in HELLO option 'AUTH'\r\n"),
        (["HELLO", "2", "AUTH", "nobody", "x"], WRONG_PASSWORD),
        (["HELLO", "2", "SETNAME"], b"-ERR Syntax error in HELLO option 'SETNAME'\r\n"),
        (["HELLO", "2", "nonsense"], b"-ERR Syntax error in HELLO option 'nonsense'\r\n"),
        (["HELLO", "2", "AUTH", "nobody", "x", "SETNAME", "a b"],
         b"-ERR Client names cannot contain spaces, newlines or special characters.\r\n"),
    ],
)  # fmt: skip
def test_one_command(words: list[str], reply: bytes, alice: Peer) -> None:
    assert alice.send(*words) == reply


def test_a_refused_hello_changes_nothing(alice: Peer) -> None:
    alice.send("HELLO", 3, "SETNAME", "me", "AUTH", "nobody", "x")
    assert alice.send("CLIENT", "GETNAME") == b"$-1\r\n"


def test_the_last_name_counts(alice: Peer) -> None:
    alice.send("HELLO", 2, "SETNAME", "one", "SETNAME", "two")
    assert alice.send("CLIENT", "GETNAME") == b"$3\r\ntwo\r\n"
    alice.send("HELLO", 2, "SETNAME", "")
    assert alice.send("CLIENT", "GETNAME") == b"$-1\r\n"


def test_quit_answers_what_came_before_and_nothing_after(engine: Workbench, alice: Peer) -> None:
    assert alice.feed(b"PING\r\nQUIT now please\r\nPING\r\n") == b"+PONG\r\n+OK\r\n"
    assert alice.client in engine.server.closing


def test_reset_takes_back_everything_but_the_library(alice: Peer) -> None:
    alice.feed(
        b"HELLO 3 SETNAME me\r\nCLIENT SETINFO LIB-NAME lib\r\nSELECT 3\r\nSET k 1\r\n"
        b"CLIENT NO-EVICT ON\r\nCLIENT NO-TOUCH ON\r\nWATCH k\r\nMULTI\r\n"
    )
    assert alice.send("RESET") == b"+RESET\r\n"
    assert alice.send("GET", "k") == b"$-1\r\n"
    line = alice.send("CLIENT", "INFO")
    for field in (b" name= ", b" flags=N ", b" db=0 ", b" multi=-1 ", b" watch=0 ", b" resp=2 ", b"=lib "):
        assert field in line


def test_reset_answers_again_and_leaves_monitor(engine: Workbench, alice: Peer, bob: Peer) -> None:
    alice.send("MONITOR")
    assert alice.send("RESET") == b"+RESET\r\n"
    assert alice.send("GET", "k") == b"$-1\r\n"
    bob.send("PING")
    assert alice.take() == b""
    alice.send("CLIENT", "REPLY", "OFF")
    assert alice.send("PING") == b""
    alice.send("RESET")
    assert alice.send("PING") == b"+PONG\r\n"


# -- with a password -------------------------------------------------------------------------------


@pytest.fixture
def locked() -> Peer:
    """A connection to a server that wants a password."""
    return Workbench(requirepass="secret").peer()


LOCKED = [
    ("PING", NO_AUTH),
    ("MULTI", NO_AUTH),
    ("CLIENT ID", NO_AUTH),
    ("NOSUCH", b"-ERR unknown command 'NOSUCH', with args beginning with: \r\n"),
    ("CLIENT NOSUCH", b"-ERR unknown subcommand 'NOSUCH'. Try CLIENT HELP.\r\n"),
    ("GET", arity("get")),
    ("EXEC", b"-EXECABORT Transaction discarded because of: NOAUTH Authentication required.\r\n"),
    ("HELLO", HELLO_NO_AUTH),
    ("HELLO 3", HELLO_NO_AUTH),
    ("HELLO 3 SETNAME me", HELLO_NO_AUTH),
    ("AUTH wrong", WRONG_PASSWORD),
    ("AUTH nobody secret", WRONG_PASSWORD),
    ("HELLO 3 AUTH default wrong", WRONG_PASSWORD),
    ("RESET", b"+RESET\r\n"),
    ("QUIT", OK),
]


@pytest.mark.parametrize(("line", "reply"), LOCKED)
def test_before_auth(line: str, reply: bytes, locked: Peer) -> None:
    assert locked.send(*line.split()) == reply


def test_auth_opens_for_what_follows_in_the_same_read(locked: Peer) -> None:
    data = b"PING\r\nAUTH secret\r\nPING\r\nMULTI\r\nPING\r\nEXEC\r\n"
    assert locked.feed(data) == NO_AUTH + OK + b"+PONG\r\n+OK\r\n+QUEUED\r\n*1\r\n+PONG\r\n"


@pytest.mark.parametrize("line", ["AUTH secret", "AUTH default secret", "HELLO 2 AUTH default secret"])
def test_the_right_password(line: str, locked: Peer) -> None:
    locked.send(*line.split())
    assert locked.send("PING") == b"+PONG\r\n"


def test_a_wrong_password_leaves_in_who_is_in(locked: Peer) -> None:
    locked.send("AUTH", "secret")
    assert locked.send("AUTH", "wrong") == WRONG_PASSWORD
    assert locked.send("PING") == b"+PONG\r\n"


def test_reset_locks_again(locked: Peer) -> None:
    locked.send("AUTH", "secret")
    locked.send("RESET")
    assert locked.send("PING") == NO_AUTH
    assert locked.client.reader.restricted


def test_a_new_password_locks_out_newcomers_until_it_is_taken_away(engine: Workbench, alice: Peer) -> None:
    alice.send("CONFIG", "SET", "requirepass", "secret")
    newcomer = engine.peer()
    assert alice.send("PING") == b"+PONG\r\n"
    assert newcomer.send("PING") == NO_AUTH
    alice.send("CONFIG", "SET", "requirepass", "")
    assert newcomer.send("PING") == b"+PONG\r\n"


def test_hello_names_the_server_redis_for_clients_that_ask_for_it(engine: Workbench, alice: Peer) -> None:
    assert b"$6\r\nserver\r\n$5\r\nrespq\r\n" in alice.send("HELLO")
    alice.send("CONFIG", "SET", "extended-redis-compatibility", "yes")
    assert b"$6\r\nserver\r\n$5\r\nredis\r\n" in alice.send("HELLO")
