"""Counters: strings that spell a number, and what adds to them.

INCR is written out for the common case, and has a bulk form for any mixture of counters that exist. What is
logged is the effect: of INCRBYFLOAT the result.
"""

from __future__ import annotations

from fractions import Fraction

from respq.command import DENYOOM, FAST, FIRST, WRITE, Argv, Client, command
from respq.commands import longdouble
from respq.commands.arguments import INT64_MAX, INT64_MIN, parse_int
from respq.datatypes.strings import Digits, StringValue, to_int
from respq.errors import CommandError, not_a_float, not_an_integer
from respq.protocol.resp import bulk, integer
from respq.protocol.runs import Run

DIGITS_AT_EASE = 18  # so many digits cannot overflow


# Most counters are small: what INCR makes of such a one, and what it answers. Filled as they are met, 2.5 MB
# at most; half the time of reading and writing digits, and equal counters share their bytes.
_AFTER: dict[bytes, tuple[bytes, bytes]] = {}
_AFTER_MOST = 10_000


def _incremented(data: bytes) -> tuple[bytes, bytes] | None:
    """What INCR makes of a string, and its reply; None unless it is plain digits and far from overflow."""
    if not data.isdigit() or len(data) > DIGITS_AT_EASE or (data.startswith(b"0") and len(data) > 1):
        return None
    number = int(data) + 1
    pair = b"%d" % number, b":%d\r\n" % number
    if number <= _AFTER_MOST:
        _AFTER[data] = pair
    return pair


def _incr_run(c: Client, run: Run) -> bytes | None:
    """INCRs of integers that exist, do not expire and are not about to overflow."""
    find, replies, second = c.db.values.get, [], c.db.clock.second
    changed: list[tuple[StringValue, bytes]] = []
    for name in run.last:
        value = find(name)
        if (
            value.__class__ is StringValue
            and not value.expires_ms
            and (data := value.data).__class__ is bytes
            and (pair := _AFTER.get(data) or _incremented(data))
        ):
            changed.append((value, data))
            value.accessed = second
            value.data, reply = pair
            replies.append(reply)
        else:
            for value, data in reversed(changed):
                value.data = data
            return None
    c.effects.append((c.db, None, None, run))
    return b"".join(replies)


@command("INCR", arity=2, flags=WRITE | DENYOOM | FAST, keys=FIRST, group="string", since="1.0.0",
         syntax="key", bulk=_incr_run)  # fmt: skip
def incr(c: Client, argv: Argv) -> bytes:
    """Add one to the integer under a key, which counts as 0 if missing."""
    name = argv[1]
    value = c.db.values.get(name)
    if value.__class__ is StringValue and not value.expires_ms:
        data = value.data
        if data.__class__ is bytes and (pair := _AFTER.get(data) or _incremented(data)):
            value.accessed = c.db.clock.second
            value.data, reply = pair
            c.effects.append((c.db, name, "incrby", argv))
            return reply
    return _add(c, argv, 1)


@command("DECR", arity=2, flags=WRITE | DENYOOM | FAST, keys=FIRST, group="string", since="1.0.0",
         syntax="key")  # fmt: skip
def decr(c: Client, argv: Argv) -> bytes:
    """Subtract one from the integer under a key, which counts as 0 if missing."""
    return _add(c, argv, -1)


@command("INCRBY", arity=3, flags=WRITE | DENYOOM | FAST, keys=FIRST, group="string", since="1.0.0",
         syntax="key increment")  # fmt: skip
def incrby(c: Client, argv: Argv) -> bytes:
    """Add to the integer under a key, which counts as 0 if missing."""
    return _add(c, argv, parse_int(argv[2]))


@command("DECRBY", arity=3, flags=WRITE | DENYOOM | FAST, keys=FIRST, group="string", since="1.0.0",
         syntax="key decrement")  # fmt: skip
def decrby(c: Client, argv: Argv) -> bytes:
    """Subtract from the integer under a key, which counts as 0 if missing."""
    decrement = parse_int(argv[2])
    if decrement == INT64_MIN:
        raise CommandError("decrement would overflow")
    return _add(c, argv, -decrement)


def _add(c: Client, argv: Argv, increment: int) -> bytes:
    db, name = c.db, argv[1]
    value = db.find(name, StringValue)
    number = 0 if value is None else to_int(value.data)
    if number is None:
        raise not_an_integer()
    number += increment
    if not INT64_MIN <= number <= INT64_MAX:
        raise CommandError("increment or decrement would overflow")
    if value is None:
        db.add(name, StringValue(b"%d" % number))
    else:
        value.data = b"%d" % number
    c.effects.append((db, name, "incrby", argv))
    return integer(number)


@command("INCRBYFLOAT", arity=3, flags=WRITE | DENYOOM | FAST, keys=FIRST, group="string", since="2.6.0",
         syntax="key increment")  # fmt: skip
def incrbyfloat(c: Client, argv: Argv) -> bytes:
    """Add to the floating point number under a key, which counts as 0 if missing."""
    db, name = c.db, argv[1]
    value = db.find(name, StringValue)
    total = Digits(_float_sum(b"0" if value is None else bytes(value.data), argv[2]))
    if value is None:
        db.add(name, StringValue(total))
    else:
        value.data = total
    c.effects.append((db, name, "incrbyfloat", [b"SET", name, bytes(total), b"KEEPTTL"]))
    return bulk(total)


def _float_sum(*words: bytes) -> bytes:
    """The sum of two numbers in long double arithmetic, as Redis prints it."""
    total = Fraction(0)
    finite = True
    for word in words:
        try:
            total += longdouble.parse(word)
        except ValueError:
            raise not_a_float() from None
        except longdouble.NotFiniteError:
            finite = False
    try:
        if finite:
            return longdouble.human(longdouble.rounded(total))
    except longdouble.NotFiniteError:
        pass
    raise CommandError("increment would produce NaN or Infinity")
