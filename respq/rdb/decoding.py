"""Values from their bytes, in every way that Redis 2.8 to 8.2 and Valkey 7.2 to 9 write them.

What becomes of a value is decided by the limits of this server, as Redis decides it: a listpack that is too
long here becomes a hash table. Members, fields and entries must be there once, as Redis asks of them with
`sanitize-dump-payload yes`; here always.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from math import inf, isnan
from typing import Final

from respq.datatypes.chunks import Chunk, ListpackChunk
from respq.datatypes.hashes import HashValue
from respq.datatypes.lists import ListValue
from respq.datatypes.sets import HASHTABLE, INTSET, LISTPACK, SetValue
from respq.datatypes.sorted_sets import SortedSetValue
from respq.datatypes.strings import StringValue
from respq.datatypes.value import Value
from respq.rdb import kinds, listpack, packed
from respq.rdb.cursor import BadFormatError, Cursor
from respq.rdb.stream_format import read_stream

Read = Callable[[Cursor], Value]

_NOT_A_NUMBER, _INFINITE, _MINUS_INFINITE = 253, 254, 255  # in the place of the length of a score
_LAST_MS: Final = (1 << 48) - 1  # of a field's deadline
_SCORE = re.compile(rb"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?|[+-]?inf", re.IGNORECASE).fullmatch


class EmptyValueError(BadFormatError):
    """A collection without elements, which some old servers wrote: not a value, but no damage either."""


def read_value(kind: int, cursor: Cursor, *, valkey: bool = False) -> Value:
    """The value that is written as `kind` says, by Redis or by Valkey since 9. Raises BadFormatError."""
    read = _READERS.get(kind)
    if valkey and kind == kinds.VALKEY_HASH:
        read = _valkey_hash
    if read is None:
        known = "a value of a module" if kind in (kinds.MODULE, kinds.MODULE_2) else f"a value of type {kind}"
        raise BadFormatError(f"{known}, which respq does not have")
    return read(cursor)


def _string(cursor: Cursor) -> StringValue:
    return StringValue(cursor.string())


# -- lists -----------------------------------------------------------------------------------------


def _list_of(nodes: Iterable[Sequence[bytes]]) -> ListValue:
    """A list in pieces, of which there may be too many to hold them all twice."""
    filled = (node for node in nodes if node)
    first = next(filled, None)
    if first is None:
        raise EmptyValueError("a list has no elements")
    second = next(filled, None)
    if second is None:
        return ListValue.of(first)
    value = ListValue()
    for node in chain((first, second), filled):
        value.push_right(node)
    return value


def _list(cursor: Cursor) -> ListValue:
    return _list_of([_strings(cursor, cursor.count())])


def _list_of_ziplists(cursor: Cursor) -> ListValue:
    return _list_of(packed.unpack_ziplist(cursor.string()) for _ in range(cursor.count()))


def _list_of_listpacks(cursor: Cursor) -> ListValue:
    nodes = (node for _ in range(cursor.count(2)) if (node := _node(cursor)) is not None)
    items = ListValue.of_nodes(nodes)
    if not items.count:
        raise EmptyValueError("a list has no elements")
    return items


def _node(cursor: Cursor) -> Chunk | None:
    """A node, unless it is empty."""
    container = cursor.length()
    data = cursor.string()
    if container == kinds.PLAIN_NODE:
        return Chunk((data,), len(data))
    if container != kinds.PACKED_NODE:
        raise BadFormatError(f"{container} is no kind of a list's node")
    form = listpack.even_form(data)
    if form is not None and form.texts > 1:
        return ListpackChunk(data, form)
    elements = listpack.unpack(data)
    return Chunk(elements, len(data)) if elements else None


def _strings(cursor: Cursor, count: int) -> list[bytes]:
    return [cursor.string() for _ in range(count)]


# -- sets ------------------------------------------------------------------------------------------


def _set_of(members: Sequence[bytes], form: bytes) -> SetValue:
    if not members:
        raise EmptyValueError("a set has no members")
    value = SetValue(form)
    if value.add(members) != len(members):
        raise BadFormatError("a set has a member twice")
    return value


def _set(cursor: Cursor) -> SetValue:
    count = cursor.count()
    return _set_of(_strings(cursor, count), INTSET if count <= SetValue.max_intset_entries else HASHTABLE)


def _intset(cursor: Cursor) -> SetValue:
    return _set_of(packed.unpack_intset(cursor.string()), INTSET)


def _set_listpack(cursor: Cursor) -> SetValue:
    return _set_of(listpack.unpack(cursor.string()), LISTPACK)


# -- sorted sets -----------------------------------------------------------------------------------


def _sorted_set_of(pairs: Iterable[tuple[bytes, float]], count: int) -> SortedSetValue:
    if not count:
        raise EmptyValueError("a sorted set has no members")
    scores = dict(pairs)
    if len(scores) != count:
        raise BadFormatError("a sorted set has a member twice")
    if any(map(isnan, scores.values())):
        raise BadFormatError("a score is not a number")
    return SortedSetValue.of(scores)


def _sorted_set(cursor: Cursor) -> SortedSetValue:
    count = cursor.count(2)
    return _sorted_set_of(((cursor.string(), _old_score(cursor)) for _ in range(count)), count)


def _old_score(cursor: Cursor) -> float:
    length = cursor.byte()
    if length >= _NOT_A_NUMBER:
        return {_NOT_A_NUMBER: float("nan"), _INFINITE: inf, _MINUS_INFINITE: -inf}[length]
    return _score(cursor.take(length))


def _sorted_set_2(cursor: Cursor) -> SortedSetValue:
    count = cursor.count(9)
    return _sorted_set_of(((cursor.string(), cursor.double()) for _ in range(count)), count)


def _sorted_set_ziplist(cursor: Cursor) -> SortedSetValue:
    return _sorted_set_packed(packed.unpack_ziplist(cursor.string()))


def _sorted_set_listpack(cursor: Cursor) -> SortedSetValue:
    return _sorted_set_packed(listpack.unpack(cursor.string()))


def _sorted_set_packed(words: Sequence[bytes]) -> SortedSetValue:
    members, scores = words[::2], words[1::2]
    if len(members) != len(scores):
        raise BadFormatError("a member has no score")
    return _sorted_set_of(zip(members, map(_score, scores), strict=True), len(members))


def _score(word: bytes) -> float:
    if not _SCORE(word):
        raise BadFormatError(f"{word!r} is no score")
    return float(word)


# -- hashes ----------------------------------------------------------------------------------------


def _hash_of(words: Sequence[bytes]) -> HashValue:
    """A hash of fields and values by turns."""
    if len(words) % 2:
        raise BadFormatError("a field has no value")
    if not words:
        raise EmptyValueError("a hash has no fields")
    value = HashValue()
    if value.set_all(words) != len(words) // 2:
        raise BadFormatError("a hash has a field twice")
    return value


def _hash(cursor: Cursor) -> HashValue:
    return _hash_of(_strings(cursor, 2 * cursor.count(2)))


def _hash_zipmap(cursor: Cursor) -> HashValue:
    return _hash_of(packed.unpack_zipmap(cursor.string()))


def _hash_ziplist(cursor: Cursor) -> HashValue:
    return _hash_of(packed.unpack_ziplist(cursor.string()))


def _hash_listpack(cursor: Cursor) -> HashValue:
    return _hash_of(listpack.unpack(cursor.string()))


def _expiring_hash(fields: list[tuple[bytes, bytes, int]]) -> HashValue:
    """A hash of fields, values and deadlines, 0 for none."""
    value = _hash_of([word for field, data, _ in fields for word in (field, data)])
    value.keep_deadlines()
    for field, _, at_ms in reversed(fields):  # of equal ones the last that is set comes first
        if not 0 <= at_ms <= _LAST_MS:
            raise BadFormatError(f"{at_ms} is no deadline")
        if at_ms:
            value.expire(field, at_ms)
    return value


def _hash_metadata(cursor: Cursor) -> HashValue:
    base_ms = cursor.i64() - 1
    return _expiring_hash(
        [(field, data, at_ms and base_ms + at_ms) for at_ms, field, data in _fields(cursor)]
    )


def _hash_metadata_early(cursor: Cursor) -> HashValue:
    return _expiring_hash([(field, data, at_ms) for at_ms, field, data in _fields(cursor)])


def _fields(cursor: Cursor) -> Iterator[tuple[int, bytes, bytes]]:
    """Deadlines, however they are meant, fields and values."""
    return ((cursor.length(), cursor.string(), cursor.string()) for _ in range(cursor.count(3)))


def _valkey_hash(cursor: Cursor) -> HashValue:
    """Each field with its deadline, -1 for none."""
    count = cursor.count(10)
    fields = [(cursor.string(), cursor.string(), cursor.i64()) for _ in range(count)]
    return _expiring_hash([(field, data, max(0, at_ms)) for field, data, at_ms in fields])


def _hash_listpack_ex(cursor: Cursor) -> HashValue:
    cursor.i64()  # the first deadline, which stands in the listpack as well
    return _hash_listpack_ex_early(cursor)


def _hash_listpack_ex_early(cursor: Cursor) -> HashValue:
    words = listpack.unpack(cursor.string())
    if len(words) % 3:
        raise BadFormatError("a field has no deadline")
    try:
        deadlines = list(map(int, words[2::3]))
    except ValueError:
        raise BadFormatError("a deadline is not a number") from None
    return _expiring_hash(list(zip(words[::3], words[1::3], deadlines, strict=True)))


_READERS: Final[dict[int, Read]] = {
    kinds.STRING: _string,
    kinds.LIST: _list,
    kinds.SET: _set,
    kinds.ZSET: _sorted_set,
    kinds.HASH: _hash,
    kinds.ZSET_2: _sorted_set_2,
    kinds.HASH_ZIPMAP: _hash_zipmap,
    kinds.LIST_ZIPLIST: lambda cursor: _list_of([packed.unpack_ziplist(cursor.string())]),
    kinds.SET_INTSET: _intset,
    kinds.ZSET_ZIPLIST: _sorted_set_ziplist,
    kinds.HASH_ZIPLIST: _hash_ziplist,
    kinds.LIST_QUICKLIST: _list_of_ziplists,
    kinds.STREAM: lambda cursor: read_stream(cursor, 1),
    kinds.HASH_LISTPACK: _hash_listpack,
    kinds.ZSET_LISTPACK: _sorted_set_listpack,
    kinds.LIST_QUICKLIST_2: _list_of_listpacks,
    kinds.STREAM_2: lambda cursor: read_stream(cursor, 2),
    kinds.SET_LISTPACK: _set_listpack,
    kinds.STREAM_3: lambda cursor: read_stream(cursor, 3),
    kinds.HASH_METADATA_EARLY: _hash_metadata_early,
    kinds.HASH_LISTPACK_EX_EARLY: _hash_listpack_ex_early,
    kinds.HASH_METADATA: _hash_metadata,
    kinds.HASH_LISTPACK_EX: _hash_listpack_ex,
}
