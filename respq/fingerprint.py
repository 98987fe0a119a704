"""Fingerprints of data: equal for equal data, whatever its order in memory, and equal to redis-server's.

DEBUG DIGEST and DIGEST-VALUE print them. How they are made was found by trying what gives the digests of
redis-server 8.2.3 (`compat/oracle/test_debug.py` compares the two): a state of 20 bytes takes a word in by
exclusive or with its SHA-1 (`_add`, in any order), and by the SHA-1 of that (`_mix`, in this order). Numbers
of types and databases are words of four bytes. Who may read a value from a group and what a stream was once
are no part of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from respq.datatypes.entry_blocks import id_text, words_of
from respq.datatypes.hashes import HashValue
from respq.datatypes.lists import ListValue
from respq.datatypes.sets import SetValue
from respq.datatypes.sorted_sets import SortedSetValue
from respq.datatypes.streams import StreamValue
from respq.datatypes.strings import StringValue
from respq.datatypes.value import Value
from respq.digests import sha1
from respq.keyspace import Database
from respq.protocol.doubles import format_double

NOTHING: Final = bytes(20)
_NUMBERS: Final = {StringValue: 0, ListValue: 1, SetValue: 2, SortedSetValue: 3, HashValue: 4, StreamValue: 6}


def of_databases(databases: Iterable[Database]) -> bytes:
    """20 bytes for all data. O(N)."""
    state = NOTHING
    for db in databases:
        if len(db):
            state = _mix(state, db.index.to_bytes(4))
            for key, value in db.values.items():
                state = _add(state, of_value(value, _mix(NOTHING, key)))
    return state


def of_value(value: Value, state: bytes = NOTHING) -> bytes:
    """20 bytes for one value, and its expiry, on top of a state. O(N)."""
    state = _mix(state, _NUMBERS[type(value)].to_bytes(4))
    match value:
        case StringValue():
            state = _mix(state, bytes(value.data))
        case ListValue():
            state = _mix_all(state, value)
        case SetValue():
            for member in value:
                state = _add(state, member)
        case SortedSetValue():
            zero = -0.0 if value.encoding() == b"skiplist" else 0.0  # a listpack does not know the other one
            for member, score in value.scores.items():
                state = _add(state, _mix_all(NOTHING, (member, format_double(score + zero))))
        case HashValue():
            for field, data in value.items():
                state = _add(state, _of_field(value, field, data))
        case StreamValue():
            for stretch in value.following(0):
                for entry in stretch.entries():
                    state = _mix_all(state, (id_text(entry).replace(b"-", b"."), *words_of(entry)))
    return _add(state, b"!!expire!!") if value.expires_ms else state


def _of_field(value: HashValue, field: bytes, data: bytes) -> bytes:
    state = _mix_all(NOTHING, (field, data))
    return _add(state, b"!!hexpire!!") if value.deadline_of(field) else state


def _add(state: bytes, word: bytes) -> bytes:
    return (int.from_bytes(state) ^ int.from_bytes(sha1(word))).to_bytes(20)


def _mix(state: bytes, word: bytes) -> bytes:
    return sha1(_add(state, word))


def _mix_all(state: bytes, words: Iterable[bytes]) -> bytes:
    for word in words:
        state = _mix(state, word)
    return state
