"""Words of the client in error texts end at a NUL byte, as strings in C do: redis-server 8.2.3."""

from __future__ import annotations

import pytest

from tests.conftest import Peer


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ([b"CONFIG", b"\xff\0\r\n"], b"unknown subcommand '\xff'. Try CONFIG HELP."),
        ([b"OBJECT", b"X\0", b"k"], b"unknown subcommand 'X'. Try OBJECT HELP."),
        ([b"CLIENT", b"repl\0y"], b"unknown subcommand 'repl'. Try CLIENT HELP."),
        ([b"MULT\0I"], b"unknown command 'MULT', with args beginning with: "),
        ([b"NOPE", b"a\0b", b"c"], b"unknown command 'NOPE', with args beginning with: 'a' 'c' "),
        (
            [b"NOPE", b"\0b", b"c" * 200, b"d"],
            b"unknown command 'NOPE', with args beginning with: '' '%b' " % (b"c" * 125),
        ),
        ([b"EXPIRE", b"k", b"10", b"N\0X"], b"Unsupported option N"),
        ([b"EXPIRE", b"k", b"10", b"\0X"], b"Unsupported option "),
        ([b"CLIENT", b"SETINFO", b"LIB\0x", b"y"], b"Unrecognized option 'LIB'"),
        ([b"CLIENT", b"LIST", b"TYPE", b"no\0rmal"], b"Unknown client type 'no'"),
        ([b"CLIENT", b"KILL", b"USER", b"de\0fault"], b"No such user 'de'"),
        ([b"HELLO", b"3", b"X\0Y"], b"Syntax error in HELLO option 'X'"),
        (
            [b"CONFIG", b"SET", b"ab\0c", b"x"],
            b"Unknown option or number of arguments for CONFIG SET - 'ab'",
        ),
        ([b"XCLAIM", b"x", b"g", b"c", b"0", b"1-1", b"a\0b"], b"Unrecognized XCLAIM option 'a'"),
        ([b"EVAL", b"#!lu\0a\nreturn 1", b"0"], b"Invalid script shebang"),
    ],
)
def test_a_word_is_shown_up_to_a_nul_byte(words: list[bytes], text: bytes, alice: Peer) -> None:
    alice.send("XADD", "x", "1-1", "f", "v")
    alice.send("XGROUP", "CREATE", "x", "g", "0")
    assert alice.send(*words) == b"-ERR %b\r\n" % text


def test_a_type_of_client_is_read_up_to_a_nul_byte(alice: Peer) -> None:
    assert alice.send("CLIENT", "LIST", "TYPE", b"normal\0x").startswith(b"$")


def test_a_name_is_shown_up_to_a_nul_byte(alice: Peer) -> None:
    assert alice.send("CLIENT", "SETNAME", b"a\0 b") == b"+OK\r\n"
    assert alice.send("CLIENT", "GETNAME") == b"$4\r\na\0 b\r\n"
    assert b" name=a age=" in alice.send("CLIENT", "INFO")


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ([b"XPENDING", b"a\0b", b"c\0d"], b"key 'a' or consumer group 'c'"),
        ([b"XCLAIM", b"x", b"c\0d", b"ann", b"0", b"1-1"], b"key 'x' or consumer group 'c'"),
        (
            [b"XREADGROUP", b"GROUP", b"c\0d", b"ann", b"STREAMS", b"a\0b", b">"],
            b"key 'a' or consumer group 'c' in XREADGROUP with GROUP option",
        ),
        ([b"XINFO", b"CONSUMERS", b"x", b"c\0d"], b"consumer group 'c' for key name 'x'"),
    ],
)
def test_names_of_groups_are_shown_up_to_a_nul_byte(words: list[bytes], text: bytes, alice: Peer) -> None:
    alice.send("XADD", "x", "1-1", "f", "v")
    assert alice.send(*words) == b"-NOGROUP No such %b\r\n" % text


def test_what_a_script_raises_is_shown_up_to_a_nul_byte(alice: Peer) -> None:
    assert alice.send("EVAL", b"error('a\0b')", "0").startswith(b"-ERR user_script:1: a script: ")


@pytest.mark.parametrize("cursor", [b"0\0", b"5\0x"])
def test_a_cursor_ends_at_a_nul_byte(cursor: bytes, alice: Peer) -> None:
    alice.send("HSET", "h", "f", "v")
    assert alice.send("HSCAN", "h", cursor) == b"*2\r\n$1\r\n0\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n"
