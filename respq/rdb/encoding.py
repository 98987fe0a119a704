"""Values as redis-server 8.2 writes them, which is version 12 of the format.

The encoding is the one that OBJECT ENCODING shows, so Redis keeps the value in the same way once it has read
it. Of small values the bytes are those of Redis; the order of members of large ones is anybody's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from struct import Struct
from typing import Any, Final, TypeVar

from respq.datatypes.chunks import ListpackChunk
from respq.datatypes.hashes import HashValue
from respq.datatypes.lists import ListValue
from respq.datatypes.sets import HASHTABLE, INTSET, SetValue
from respq.datatypes.sorted_sets import SortedSetValue
from respq.datatypes.streams import StreamValue
from respq.datatypes.strings import StringValue
from respq.datatypes.value import Value
from respq.protocol.doubles import format_doubles
from respq.rdb import kinds, listpack
from respq.rdb.packed import pack_intset
from respq.rdb.stream_format import write_stream
from respq.rdb.strings import WriteString, write_length, write_strings

Written = tuple[int, Iterable[bytes]]  # the byte that says how; pieces

_T = TypeVar("_T")
_DOUBLE: Final = Struct("<d")
_TOGETHER: Final = 500  # elements that are written together


def write_value(value: Value, write_string: WriteString) -> Written:
    """How a value is written, and it. Nothing may change until the last piece has been taken."""
    return _WRITERS[value.kind](value, write_string)


def _string(value: StringValue, write_string: WriteString) -> Written:
    return kinds.STRING, (write_string(bytes(value.data)),)


def _list(value: ListValue, write_string: WriteString) -> Written:
    return kinds.LIST_QUICKLIST_2, chain(
        (write_length(value.node_count()),),
        (_node(elements, write_string, plain=plain) for elements, plain in value.nodes()),
    )


def _node(elements: Sequence[bytes] | ListpackChunk, write_string: WriteString, *, plain: bool) -> bytes:
    if isinstance(elements, ListpackChunk):
        return write_length(kinds.PACKED_NODE) + write_string(elements.data)
    if plain:
        return write_length(kinds.PLAIN_NODE) + write_string(elements[0])
    return write_length(kinds.PACKED_NODE) + write_string(listpack.pack_texts(elements))


def _set(value: SetValue, write_string: WriteString) -> Written:
    members, form = value.members(), value.encoding()
    if form is HASHTABLE:
        strings = (write_strings(part, write_string) for part in _parts(members))
        return kinds.SET, chain((write_length(len(members)),), strings)
    if form is INTSET:
        return kinds.SET_INTSET, (write_string(pack_intset(members)),)
    return kinds.SET_LISTPACK, (write_string(listpack.pack(members)),)


def _sorted_set(value: SortedSetValue, write_string: WriteString) -> Written:
    members, scores = value.read((0, 0), value.ranking.end)
    if value.packed:
        pairs = zip(members, format_doubles(scores), strict=True)
        return kinds.ZSET_LISTPACK, (write_string(listpack.pack(chain.from_iterable(pairs))),)
    # Backward, as Redis does it.
    parts = zip(_parts(reversed(members)), _parts(reversed(scores)), strict=True)
    return kinds.ZSET_2, chain(
        (write_length(len(members)),),
        (write_strings(part, write_string, list(map(_DOUBLE.pack, of_part))) for part, of_part in parts),
    )


def _hash(value: HashValue, write_string: WriteString) -> Written:
    expiring = value.expiry is not None
    if value.listpack:
        if expiring:
            triples = ((field, data, value.deadline_of(field)) for field, data in value.items())
            packed = listpack.pack(chain.from_iterable(triples))
            return kinds.HASH_LISTPACK_EX, (_first_deadline(value), write_string(packed))
        return kinds.HASH_LISTPACK, (write_string(listpack.pack(chain.from_iterable(value.items()))),)
    if expiring and value.next_deadline():
        base_ms = value.next_deadline() - 1
        return kinds.HASH_METADATA, chain(
            (_first_deadline(value), write_length(len(value))),
            (
                write_length(max(0, value.deadline_of(field) - base_ms))
                + write_string(field)
                + write_string(data)
                for field, data in value.items()
            ),
        )
    return kinds.HASH, chain(
        (write_length(len(value)),),
        (write_strings(part, write_string) for part in _parts(chain.from_iterable(value.items()))),
    )


def _parts(elements: Iterable[_T]) -> Iterator[list[_T]]:
    """The elements, some at a time."""
    rest = iter(elements)
    while part := list(islice(rest, _TOGETHER)):
        yield part


def _first_deadline(value: HashValue) -> bytes:
    return value.next_deadline().to_bytes(8, "little")


def _stream(value: StreamValue, write_string: WriteString) -> Written:
    return kinds.STREAM_3, write_stream(value, write_string)


_WRITERS: Final[dict[bytes, Callable[[Any, WriteString], Written]]] = {
    StringValue.kind: _string,
    ListValue.kind: _list,
    SetValue.kind: _set,
    SortedSetValue.kind: _sorted_set,
    HashValue.kind: _hash,
    StreamValue.kind: _stream,
}
