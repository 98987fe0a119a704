"""CLIENT: replies as redis-server 8.2.3 gives them."""

from __future__ import annotations

import re

import pytest

from tests.conftest import Peer, Workbench

OK = b"+OK\r\n"
SYNTAX = b"-ERR syntax error\r\n"
BAD_NAME = b"cannot contain spaces, newlines or special characters.\r\n"


def arity(name: str) -> bytes:
    return f"-ERR wrong number of arguments for '{name}' command\r\n".encode()


def unknown(word: str) -> bytes:
    return f"-ERR unknown subcommand '{word}'. Try CLIENT HELP.\r\n".encode()


ANSWERS = {
    "": arity("client"),
    "NOSUCH": unknown("NOSUCH"),
    "MAINT_NOTIFICATIONS ON": unknown("MAINT_NOTIFICATIONS"),  # redis-py asks, and takes no for an answer
    "ID": b":1\r\n",
    "GETNAME": b"$-1\r\n",
    "GETNAME x": arity("client|getname"),
    "SETNAME me": OK,
    "SETNAME a\nb": b"-ERR Client names " + BAD_NAME,
    "SETNAME \xff": b"-ERR Client names " + BAD_NAME,
    "SETINFO lib-name redis-py": OK,
    "SETINFO LIB-VER 8.1": OK,
    "SETINFO lib-ver \x7f": b"-ERR lib-ver " + BAD_NAME,
    "SETINFO other x": b"-ERR Unrecognized option 'other'\r\n",
    "GETREDIR": b":-1\r\n",
    "NO-EVICT on": OK,
    "NO-EVICT maybe": SYNTAX,
    "NO-TOUCH OFF": OK,
    "NO-TOUCH maybe": SYNTAX,
    "REPLY ON": OK,
    "REPLY maybe": SYNTAX,
    "LIST TYPE": SYNTAX,
    "LIST TYPE pubsub": b"$0\r\n\r\n",
    "LIST TYPE replica": b"$0\r\n\r\n",
    "LIST TYPE nosuch": b"-ERR Unknown client type 'nosuch'\r\n",
    "LIST TYPE normal ID 1": SYNTAX,
    "LIST ID": SYNTAX,
    "LIST ID one": b"-ERR Invalid client ID\r\n",
    "LIST ID 0 -1 99": b"$0\r\n\r\n",
    "LIST nosuch": SYNTAX,
    "KILL": arity("client|kill"),
    "KILL 1.2.3.4:5": b"-ERR No such client\r\n",
    "KILL ID": b"-ERR No such client\r\n",
    "KILL ID one": b"-ERR client-id should be greater than 0\r\n",
    "KILL ID 0": b"-ERR client-id should be greater than 0\r\n",
    "KILL ID 99": b":0\r\n",
    "KILL ID 99 ID": SYNTAX,
    "KILL ID 99 nosuch": SYNTAX,
    "KILL nosuch x": SYNTAX,
    "KILL TYPE nosuch": b"-ERR Unknown client type 'nosuch'\r\n",
    "KILL TYPE pubsub": b":0\r\n",
    "KILL USER nosuch": b"-ERR No such user 'nosuch'\r\n",
    "KILL USER default": b":0\r\n",
    "KILL ADDR 1.2.3.4:5": b":0\r\n",
    "KILL LADDR 1.2.3.4:5": b":0\r\n",
    "KILL SKIPME maybe": SYNTAX,
    "KILL MAXAGE old": b"-ERR maxage is not an integer or out of range\r\n",
    "KILL MAXAGE 0": b"-ERR maxage should be greater than 0\r\n",
    "KILL MAXAGE 100 SKIPME no": b":0\r\n",
    "UNBLOCK one": b"-ERR value is not an integer or out of range\r\n",
    "UNBLOCK 99": b":0\r\n",
    "UNBLOCK 1": b":0\r\n",
    "UNBLOCK 99 NOW": b"-ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR\r\n",
    "UNBLOCK 99 ERROR x":
        b"-ERR unknown subcommand or wrong number of arguments for 'UNBLOCK'. Try CLIENT HELP.\r\n",
    "PAUSE soon": b"-ERR timeout is not an integer or out of range\r\n",
    "PAUSE -1": b"-ERR timeout is negative\r\n",
    "PAUSE 9223372036854775807": b"-ERR timeout is out of range\r\n",
    "PAUSE 10 SOME": b"-ERR CLIENT PAUSE mode must be WRITE or ALL\r\n",
    "PAUSE 10 ALL x":
        b"-ERR unknown subcommand or wrong number of arguments for 'PAUSE'. Try CLIENT HELP.\r\n",
    "UNPAUSE": OK,
    "HELP x": arity("client|help"),
}  # fmt: skip


@pytest.mark.parametrize("line", ANSWERS)
def test_one_command(line: str, alice: Peer) -> None:
    words = [word.encode("latin-1") for word in line.split(" ") if word]
    assert alice.send("CLIENT", *words) == ANSWERS[line]


def test_a_name_can_be_taken_away(alice: Peer) -> None:
    alice.send("CLIENT", "SETNAME", "me")
    assert alice.send("CLIENT", "GETNAME") == b"$2\r\nme\r\n"
    assert alice.send("CLIENT", "SETNAME", "") == OK
    assert alice.send("CLIENT", "GETNAME") == b"$-1\r\n"


def test_help_has_the_layout_of_help(alice: Peer) -> None:
    lines = alice.send("CLIENT", "HELP").split(b"\r\n")
    assert lines[1] == b"+CLIENT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"
    assert b"+UNBLOCK <clientid> [TIMEOUT|ERROR]" in lines
    assert lines[-3] == b"+HELP"


# -- INFO and LIST ---------------------------------------------------------------------------------

FIELDS = """
    id addr laddr fd name age idle flags db sub psub ssub multi watch qbuf qbuf-free argv-mem multi-mem rbs
    rbp obl oll omem tot-mem events cmd user redir resp lib-name lib-ver io-thread tot-net-in tot-net-out
    tot-cmds
""".split()  # noqa: SIM905  # reads better


def listed(peer: Peer, *words: str | int) -> list[dict[str, str]]:
    """CLIENT LIST as dictionaries."""
    reply = peer.send("CLIENT", "LIST", *words).decode()
    return [dict(re.findall(r"(\S+?)=(\S*)", line)) for line in reply.split("\n") if "id=" in line]


def test_a_line_has_redis_fields_in_order(alice: Peer) -> None:
    assert list(listed(alice)[0]) == FIELDS


def test_info_is_verbatim_text_in_resp3(alice: Peer) -> None:
    alice.send("HELLO", 3)
    assert re.fullmatch(rb"=\d+\r\ntxt:id=1 .*\n\r\n", alice.send("CLIENT", "INFO"))
    assert alice.send("CLIENT", "LIST", "ID", 9) == b"=4\r\ntxt:\r\n"


def test_list_tells_about_each_client(engine: Workbench, alice: Peer, bob: Peer, carol: Peer) -> None:
    alice.feed(b"CLIENT SETNAME anna\r\nSELECT 3\r\n")
    bob.feed(b"WATCH k l\r\nMULTI\r\nSET k 1\r\n")
    carol.feed(b"CLIENT NO-EVICT ON\r\nCLIENT NO-TOUCH ON\r\nBLPOP l 0\r\nPING\r\n")
    engine.clock.advance(5000)
    first, second, third = listed(alice)
    assert (first["name"], first["db"], first["flags"], first["cmd"]) == ("anna", "3", "N", "client|list")
    assert (second["multi"], second["watch"], second["flags"]) == ("1", "2", "x")
    assert (third["flags"], third["cmd"], third["idle"], third["age"]) == ("beT", "blpop", "5", "5")
    bob.send("MULTI")
    alice.feed(b"SELECT 0\r\nSET k 1\r\n")
    assert listed(alice, "ID", 2)[0]["flags"] == "xd"
    assert [client["id"] for client in listed(alice, "ID", 3, 9, 1)] == ["3", "1"]
    assert len(listed(alice, "TYPE", "normal")) == 3


# -- KILL and UNBLOCK ------------------------------------------------------------------------------


def test_kill_by_id_closes_that_client(engine: Workbench, alice: Peer, bob: Peer) -> None:
    assert alice.send("CLIENT", "KILL", "ID", 2) == b":1\r\n"
    assert engine.server.closing == {bob.client: True}
    assert alice.send("CLIENT", "KILL", "ID", 2) == b":0\r\n"  # it is gone already


def test_kill_spares_who_asks_unless_told(engine: Workbench, alice: Peer, bob: Peer, carol: Peer) -> None:
    assert alice.send("CLIENT", "KILL", "TYPE", "normal") == b":2\r\n"
    assert alice.client not in engine.server.closing
    assert alice.feed(b"CLIENT KILL ID 1 SKIPME no\r\nPING\r\n") == b":1\r\n"
    assert engine.server.closing[alice.client] is False  # its reply goes out first


def test_kill_by_address_is_the_old_form(engine: Workbench, alice: Peer) -> None:
    assert alice.feed(b"CLIENT KILL 127.0.0.1:0\r\nPING\r\n") == OK
    assert alice.client in engine.server.closing


def test_of_two_filters_of_a_kind_the_last_counts(
    engine: Workbench, alice: Peer, bob: Peer, carol: Peer
) -> None:
    assert alice.send("CLIENT", "KILL", "ID", 2, "ID", 3) == b":1\r\n"
    assert list(engine.server.closing) == [carol.client]


def test_kill_by_age(engine: Workbench, alice: Peer) -> None:
    engine.clock.advance(10_000)
    bob = engine.peer()
    assert bob.send("CLIENT", "KILL", "MAXAGE", 10) == b":1\r\n"
    assert list(engine.server.closing) == [alice.client]


def test_who_is_killed_while_blocked_takes_nothing(alice: Peer, bob: Peer, carol: Peer) -> None:
    bob.send("BLPOP", "l", 0)
    carol.send("BLPOP", "l", 0)
    assert alice.feed(b"CLIENT KILL ID 2\r\nRPUSH l a\r\n") == b":1\r\n:1\r\n"
    assert bob.take() == b""
    assert carol.take() == b"*2\r\n$1\r\nl\r\n$1\r\na\r\n"


def test_who_hangs_up_while_blocked_takes_nothing(engine: Workbench, alice: Peer, bob: Peer) -> None:
    bob.send("BLPOP", "l", 0)
    engine.disconnect(bob.client)
    alice.send("RPUSH", "l", "a")
    assert alice.send("LLEN", "l") == b":1\r\n"
    assert engine.server.waiting.queues == {}


def test_unblock_answers_as_if_time_were_up(alice: Peer, bob: Peer) -> None:
    bob.feed(b"BLPOP l 0\r\nPING\r\n")
    assert alice.send("CLIENT", "UNBLOCK", 2) == b":1\r\n"
    assert bob.take() == b"*-1\r\n+PONG\r\n"
    assert alice.send("CLIENT", "UNBLOCK", 2) == b":0\r\n"
    assert alice.send("RPUSH", "l", "a") == b":1\r\n"


def test_unblock_with_an_error(engine: Workbench, alice: Peer, bob: Peer) -> None:
    bob.send("BLPOP", "l", 100)
    assert alice.send("CLIENT", "UNBLOCK", 2, "error") == b":1\r\n"
    assert bob.take() == b"-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n"
    assert engine.server.stats.errors == {"UNBLOCKED": 1}
    engine.pass_time(200_000)
    assert bob.take() == b""


# -- REPLY -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "answered"),
    [
        (b"CLIENT REPLY OFF\r\nPING\r\nNOSUCH\r\nCLIENT REPLY ON\r\nPING\r\n", OK + b"+PONG\r\n"),
        (b"CLIENT REPLY SKIP\r\nPING a\r\nPING b\r\n", b"$1\r\nb\r\n"),
        (b"CLIENT REPLY SKIP\r\nNOSUCH\r\nPING\r\n", b"+PONG\r\n"),
        (b"CLIENT REPLY SKIP\r\nCLIENT REPLY SKIP\r\nPING a\r\nPING b\r\n", b"$1\r\nb\r\n"),
        (b"CLIENT REPLY SKIP\r\nCLIENT REPLY ON\r\n", OK),
        (b"CLIENT REPLY OFF\r\nCLIENT REPLY SKIP\r\nPING\r\nPING\r\n", b""),
        (b"CLIENT REPLY OFF\r\nMULTI\r\nPING\r\nEXEC\r\nCLIENT REPLY ON\r\n", OK),
        (b"CLIENT REPLY SKIP\r\nMULTI\r\nPING\r\nEXEC\r\n", b"+QUEUED\r\n*1\r\n+PONG\r\n"),
        (b"CLIENT REPLY OFF\r\nMULTI\r\nCLIENT REPLY ON\r\nDISCARD\r\nPING\r\n", b""),
        (b"CLIENT REPLY OFF\r\nQUIT\r\n", b""),
    ],
)
def test_reply(said: bytes, answered: bytes, alice: Peer) -> None:
    assert alice.feed(said) == answered


def test_a_silent_client_works_all_the_same(alice: Peer, bob: Peer) -> None:
    alice.feed(b"CLIENT REPLY OFF\r\nSET k 1\r\nBLPOP l 0\r\n")
    assert bob.send("GET", "k") == b"$1\r\n1\r\n"
    bob.send("RPUSH", "l", "a")
    assert alice.take() == b""
    assert bob.send("EXISTS", "l") == b":0\r\n"


# -- PAUSE -----------------------------------------------------------------------------------------


def test_a_pause_of_all_lets_everybody_wait(engine: Workbench, alice: Peer, bob: Peer) -> None:
    assert alice.feed(b"CLIENT PAUSE 100\r\nPING\r\n") == OK
    assert bob.feed(b"CLIENT UNPAUSE\r\nPING 2\r\n") == b""
    assert bob.feed(b"PING 3\r\n") == b""
    engine.pass_time(99)
    assert alice.take() == bob.take() == b""
    engine.pass_time(1)
    assert alice.take() == b"+PONG\r\n"
    assert bob.take() == OK + b"$1\r\n2\r\n$1\r\n3\r\n"


def test_refusals_do_not_wait(alice: Peer, bob: Peer) -> None:
    alice.send("CLIENT", "PAUSE", 100)
    assert bob.send("GET") == arity("get")


def test_a_pause_of_writes_lets_the_rest_pass(alice: Peer, bob: Peer, carol: Peer) -> None:
    assert alice.feed(b"SET k 1\r\nCLIENT PAUSE 100000 WRITE\r\nGET k\r\n") == OK * 2 + b"$1\r\n1\r\n"
    assert bob.feed(b"SET k 2\r\nGET k\r\n") == b""
    assert carol.feed(b"MULTI\r\nGET k\r\nEXEC\r\nMULTI\r\nSET k 3\r\nEXEC\r\n") == (
        OK + b"+QUEUED\r\n*1\r\n$1\r\n1\r\n" + OK
    )
    assert alice.send("CLIENT", "UNPAUSE") == OK
    assert bob.take() == OK + b"$1\r\n2\r\n"
    assert carol.take() == b"+QUEUED\r\n*1\r\n+OK\r\n"


def test_an_exec_waits_if_it_would_write(alice: Peer, bob: Peer) -> None:
    bob.feed(b"MULTI\r\nSET k 1\r\n")
    alice.send("CLIENT", "PAUSE", 100000, "WRITE")
    assert bob.send("EXEC") == b""
    alice.send("CLIENT", "UNPAUSE")
    assert bob.take() == b"*1\r\n+OK\r\n"


def test_a_pause_begins_behind_the_transaction_that_asks_for_it(alice: Peer) -> None:
    data = b"MULTI\r\nCLIENT PAUSE 100 WRITE\r\nSET k 1\r\nEXEC\r\nSET k 2\r\n"
    assert alice.feed(data) == OK + b"+QUEUED\r\n" * 2 + b"*2\r\n+OK\r\n+OK\r\n"


def test_of_two_pauses_the_longer_and_the_stricter_hold(engine: Workbench, alice: Peer, bob: Peer) -> None:
    alice.feed(b"CLIENT PAUSE 1000 WRITE\r\nCLIENT PAUSE 10 ALL\r\n")
    assert bob.send("PING") == b""
    engine.pass_time(999)
    assert bob.take() == b""
    engine.pass_time(1)
    assert bob.take() == b"+PONG\r\n"


def test_who_was_paused_may_block_afterwards(alice: Peer, bob: Peer) -> None:
    alice.send("CLIENT", "PAUSE", 100000, "WRITE")
    assert bob.send("BLPOP", "l", 0) == b""
    assert alice.send("CLIENT", "UNBLOCK", 2) == b":0\r\n"
    assert alice.send("CLIENT", "UNPAUSE") == OK
    assert alice.send("RPUSH", "l", "a") == b":1\r\n"
    assert bob.take() == b"*2\r\n$1\r\nl\r\n$1\r\na\r\n"


def test_a_pause_delays_expiry_by_the_timer(engine: Workbench, alice: Peer) -> None:
    alice.feed(b"SET k 1 PX 10\r\nCLIENT PAUSE 10000 WRITE\r\n")
    engine.pass_time(1000)
    assert alice.send("DBSIZE") == b":1\r\n"
    engine.pass_time(10000)
    assert alice.send("DBSIZE") == b":0\r\n"


def test_who_is_killed_while_paused_does_nothing_afterwards(alice: Peer, bob: Peer, carol: Peer) -> None:
    alice.send("CLIENT", "PAUSE", 100000, "WRITE")
    bob.send("SET", "k", 1)
    alice.feed(b"CLIENT KILL ID 2\r\nCLIENT UNPAUSE\r\n")
    assert carol.send("EXISTS", "k") == b":0\r\n"


@pytest.mark.parametrize("end", ["time", "push", "unblock"])
def test_reply_skip_swallows_one_reply_also_of_a_command_that_waits(
    end: str, engine: Workbench, alice: Peer, bob: Peer
) -> None:
    assert alice.feed(b"CLIENT REPLY SKIP\r\nBLPOP l 1\r\nPING a\r\nPING b\r\n") == b""
    if end == "time":
        engine.pass_time(1100)
    elif end == "push":
        bob.send("RPUSH", "l", "x")
    else:
        bob.send("CLIENT", "UNBLOCK", alice.client.id, "ERROR")
    engine.resume_clients()
    assert alice.take() == b"$1\r\na\r\n$1\r\nb\r\n"
