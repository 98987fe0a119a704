"""RESP as tests spell it: what they send, and the replies that they expect."""

from __future__ import annotations

from typing import Any

import hiredis

Word = bytes | str | int

OK = b"+OK\r\n"
NULL = b"$-1\r\n"
SYNTAX = b"-ERR syntax error\r\n"
WRONGTYPE = b"-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"


def bulk(word: Word | None) -> bytes:
    """A bulk string, or null."""
    if word is None:
        return NULL
    data = word if isinstance(word, bytes) else str(word).encode()
    return b"$%d\r\n%b\r\n" % (len(data), data)


def bulks(*words: Word | None) -> bytes:
    """An array of bulk strings, some of which may be null."""
    return b"*%d\r\n%b" % (len(words), b"".join(map(bulk, words)))


def encode(*words: Word) -> bytes:
    """A command as clients send it."""
    return bulks(*words)


def encode_lines(*lines: str) -> bytes:
    """Commands, whose words have blanks between them, as clients send them at once."""
    return b"".join([encode(*line.split()) for line in lines])


def decoded(reply: bytes) -> Any:
    """A reply as Python values."""
    reader = hiredis.Reader(encoding="utf-8")
    reader.feed(reply)
    return reader.gets()
