"""SORT: the elements of a list, a set or a sorted set in an order, looked up elsewhere, or stored.

The words are read first, then the source, then what decides the order, then what is returned: that is also
the order of errors. Checked on 8.2.3:

    BY, GET    the first `*` of a pattern stands for the element; behind it, `->field` names a field of a
               hash. Without a `*` BY stands for no sorting at all, and GET for null. None of these signs is
               one behind a NUL.
    numbers    what stands in front of a NUL, an empty one being 0; too great is infinite, too small is 0.
               Missing weights are 0. Of equal numbers the elements decide, byte for byte.
    ALPHA      texts up to a NUL, with STORE all bytes; missing weights come first. What is equal stays in the
               order of the source, DESC or not.
    no sorting DESC turns a list or a sorted set round; a set, having no order, is sorted by its members where
               the outcome lasts: with STORE, and in a script.

Python's sort does all of it once the keys are made, and it is stable; so is the heap, which finds what a
LIMIT to less than an eighth leaves. 8.2.3 is not stable where BY … ALPHA comes with a LIMIT that leaves
something out of seven elements or more. 100,000 numbers take 100 ms, a quarter of it for the keys; the first
ten take 32 ms.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from heapq import nlargest, nsmallest
from typing import Any

from respq.command import DENYOOM, MOVABLEKEYS, READONLY, WRITE, Argv, Client, Keys, command, key
from respq.commands.arguments import Options, as_double, parse_int
from respq.commands.hashes import without_expired
from respq.datatypes.hashes import HashValue
from respq.datatypes.lists import ListValue
from respq.datatypes.sets import SetValue
from respq.datatypes.sorted_sets import SortedSetValue
from respq.datatypes.strings import StringValue
from respq.errors import CommandError, syntax_error, wrong_type
from respq.protocol.resp import array, bulks, integer
from respq.state import LONG_REPLY

HEAP_SHARE = 8  # LIMIT to less than this part of the elements: only these are put in order
ITSELF = b"#"  # for GET: the element
WORDS_BEHIND = {b"LIMIT": 2, b"GET": 1, b"BY": 1, b"STORE": 1}

Source = ListValue | SetValue | SortedSetValue
LookUp = Callable[[bytes], bytes | None]  # what a pattern finds for an element


# -- keys ------------------------------------------------------------------------------------------


def _none(argv: Argv) -> Sequence[int]:
    """The keys that patterns make: only the data tell."""
    return ()


def _destination(argv: Argv) -> Sequence[int]:
    """Where the last STORE has its key."""
    found: Sequence[int] = ()
    at = 2
    while at < len(argv):
        word = argv[at].upper()
        if word == b"STORE" and at + 1 < len(argv):
            found = (at + 1,)
        at += 1 + WORDS_BEHIND.get(word, 0)
    return found


SOURCE = key(1, "RO access")
PATTERNS = Keys(
    "RO access",
    find=_none,
    notes="For the optional BY/GET keyword. It is marked 'unknown' because the key names derive from the "
    "content of the key we sort",
)
DESTINATION = Keys(
    "OW update",
    find=_destination,
    notes="For the optional STORE keyword. It is marked 'unknown' because the keyword can appear anywhere in "
    "the argument array",
)


# -- words -----------------------------------------------------------------------------------------


class Order:
    """What the words of SORT ask for."""

    __slots__ = ("alpha", "by", "count", "descending", "get", "may_look_up", "sorts", "start", "store")

    def __init__(self, argv: Argv, *, may_store: bool, may_look_up: bool) -> None:
        self.may_look_up = may_look_up  # the user may read whatever a pattern finds
        self.by: bytes | None = None
        self.get: list[bytes] = []
        self.start, self.count = 0, -1
        self.alpha = self.descending = False
        self.sorts = True
        self.store: bytes | None = None
        for name in (options := Options(argv, 2)):
            self._read(name, options, may_store)

    def _read(self, name: bytes, options: Options, may_store: bool) -> None:
        if name in {b"ASC", b"DESC"}:
            self.descending = name == b"DESC"
        elif name == b"ALPHA":
            self.alpha = True
        elif name == b"LIMIT":
            start, count = options.values(2)
            self.start, self.count = max(0, parse_int(start)), parse_int(count)
        elif name == b"BY":
            self.by = options.value()
            if b"*" not in _up_to_nul(self.by):  # one without counts for all
                self.sorts = False
            elif not self.may_look_up:
                raise _may_not_look_up("BY")
        elif name == b"GET":
            if not self.may_look_up:
                raise _may_not_look_up("GET")
            self.get.append(options.value())
        elif name == b"STORE" and may_store:
            self.store = options.value()
        else:
            raise syntax_error()

    def part(self, length: int) -> slice:
        """What LIMIT leaves of so many elements."""
        return slice(self.start, length if self.count < 0 else self.start + self.count)


def _may_not_look_up(option: str) -> CommandError:
    return CommandError(f"{option} option of SORT denied due to insufficient ACL permissions.")


def _may_look_up(c: Client, argv: Argv) -> bool:
    permissions = c.user.permissions
    return permissions is None or permissions.may_read_every_key(argv[0].lower(), argv[1])


def _up_to_nul(text: bytes) -> bytes:
    """What C sees of a text."""
    return text.partition(b"\0")[0]


# -- look up ---------------------------------------------------------------------------------------


def _looking_up(c: Client, pattern: bytes) -> LookUp:
    """What finds the string or the field that a pattern names for an element."""
    signs = _up_to_nul(pattern)
    if signs == ITSELF:
        return lambda element: element
    star = signs.find(b"*")
    if star < 0:
        return lambda element: None
    arrow = signs.find(b"->", star)
    before, behind, field = pattern[:star], pattern[star + 1 :], pattern[arrow + 2 :]
    if arrow < 0 or arrow + 2 == len(signs):  # an arrow without a field is part of the name
        return lambda element: _string(c, before + element + behind)
    between = pattern[star + 1 : arrow]
    return lambda element: _field(c, before + element + between, field)


def _string(c: Client, name: bytes) -> bytes | None:
    value = c.read_any(name)
    return bytes(value) if isinstance(value, StringValue) else None


def _field(c: Client, name: bytes, field: bytes) -> bytes | None:
    value = c.read_any(name)
    if not isinstance(value, HashValue):
        return None
    left = without_expired(c, name, value, [field])
    return None if left is None else left.fields.get(field)


# -- sort ------------------------------------------------------------------------------------------


def _source(c: Client, name: bytes, order: Order) -> Source | None:
    """What is to be sorted. A set that is not to be sorted is, by its members, where the outcome lasts."""
    value = c.read_any(name)
    if isinstance(value, SetValue):
        if not order.sorts and (order.store is not None or c.runs_for is not None):
            order.sorts, order.alpha, order.by = True, True, None
    elif isinstance(value, SortedSetValue):
        value.packed = False  # OBJECT ENCODING shows it, after SORT_RO as well
    elif value is not None and not isinstance(value, ListValue):
        raise wrong_type()
    return value


def _all(value: Source) -> list[bytes]:
    if isinstance(value, SortedSetValue):
        return value.read(value.place(0), value.place(len(value)))[0]
    return list(value)


def _unsorted(value: Source, order: Order) -> list[bytes]:
    """What LIMIT leaves of the source, in its own order or backwards. O(elements left), O(n) for a set."""
    if isinstance(value, SetValue):
        return value.members()[order.part(len(value))]
    start, stop, _ = order.part(len(value)).indices(len(value))
    if order.descending:
        start, stop = len(value) - stop, len(value) - start
    if isinstance(value, ListValue):
        elements = value.range(start, stop - 1)
    else:
        elements = value.read(value.place(start), value.place(stop))[0]
    return elements[::-1] if order.descending else elements


def _sorted(c: Client, elements: list[bytes], order: Order) -> list[bytes]:
    """The elements in order, at least up to where LIMIT ends. Raises CommandError if a number is none."""
    look_up = None if order.by is None else _looking_up(c, order.by)
    weights: Sequence[bytes | None] = elements if look_up is None else list(map(look_up, elements))
    keys: list[Any]
    if order.alpha:
        keys = list(map(_whole if order.store is not None else _whole_up_to_nul, weights))
    else:
        keys = list(zip(map(_number, weights), elements, strict=True))
    return [elements[place] for place in _places(keys, order)]


def _places(keys: list[Any], order: Order) -> list[int]:
    """Where the keys stand, in their order; not all, if LIMIT leaves few. O(n log n)."""
    places = range(len(keys))
    end = order.part(len(keys)).stop
    if end * HEAP_SHARE > len(keys):
        return sorted(places, key=keys.__getitem__, reverse=order.descending)
    return (nlargest if order.descending else nsmallest)(end, places, key=keys.__getitem__)


def _number(weight: bytes | None) -> float:
    word = _up_to_nul(weight or b"")
    number = as_double(word) if word else 0.0
    if number is None:
        raise CommandError("One or more scores can't be converted into double")
    return number


def _whole(weight: bytes | None) -> bytes:
    return b"" if weight is None else b"+" + weight  # what is missing comes before what is empty


def _whole_up_to_nul(weight: bytes | None) -> bytes:
    return _up_to_nul(_whole(weight))


def _results(c: Client, elements: list[bytes], order: Order) -> Iterator[bytes | None]:
    """What GET finds for the elements, one after the other."""
    look_ups = [_looking_up(c, pattern) for pattern in order.get]
    return (look_up(element) for element in elements for look_up in look_ups)


def _execute(c: Client, argv: Argv, order: Order) -> bytes:
    value = _source(c, argv[1], order)
    if value is None:
        elements = []
    elif order.sorts:
        elements = _sorted(c, _all(value), order)[order.part(len(value))]
    else:
        elements = _unsorted(value, order)
    if order.store is not None:
        return _store(c, argv, order.store, elements, order)
    if not order.get:
        return bulks(elements)
    results = list(_results(c, elements, order))
    size = sum([len(result) for result in results if result is not None])
    if size > LONG_REPLY:  # the same long string may be there many times
        c.make_room(size)
    return array([c.enc.maybe_bulk(result) for result in results])


def _store(c: Client, argv: Argv, name: bytes, elements: list[bytes], order: Order) -> bytes:
    """Put the outcome under a key, in place of whatever was there; nothing stands for what is missing."""
    if order.get:
        elements = [result or b"" for result in _results(c, elements, order)]
    db = c.db
    exists = db.get(name) is not None  # what has expired goes first
    if elements:
        db.put(name, ListValue.of(elements))
        c.effects.append((db, name, "sortstore", argv))
    elif exists:
        db.discard(name)
        c.effects.append((db, name, "del", argv))
    return integer(len(elements))


# -- commands --------------------------------------------------------------------------------------

SYNTAX = "key [BY pattern] [LIMIT offset count] [GET pattern [GET pattern ...]] [ASC | DESC] [ALPHA]"
COMPLEXITY = (
    "O(n log n), n elements, O(n) where nothing is sorted; and a look-up for each pattern and element"
)


@command("SORT", arity=-2, flags=WRITE | DENYOOM | MOVABLEKEYS, keys=(SOURCE, PATTERNS, DESTINATION),
         group="generic", since="1.0.0", syntax=f"{SYNTAX} [STORE destination]",
         acl="-keyspace set sortedset list dangerous", complexity=COMPLEXITY,
         argument_groups="limit order")  # fmt: skip
def sort(c: Client, argv: Argv) -> bytes:
    """Put the elements of a list, a set or a sorted set in order, and return or store them."""
    return _execute(c, argv, Order(argv, may_store=True, may_look_up=_may_look_up(c, argv)))


@command("SORT_RO", arity=-2, flags=READONLY | MOVABLEKEYS, keys=(SOURCE, PATTERNS), group="generic",
         since="7.0.0", syntax=SYNTAX, acl="-keyspace set sortedset list dangerous",
         complexity=COMPLEXITY,
         argument_groups="limit order")  # fmt: skip
def sort_ro(c: Client, argv: Argv) -> bytes:
    """Put the elements of a list, a set or a sorted set in order, and return them."""
    return _execute(c, argv, Order(argv, may_store=False, may_look_up=_may_look_up(c, argv)))
