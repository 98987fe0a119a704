"""INCREX: a counter that keeps within bounds, and its expiry in the same step. Came with Redis 8.8.

A rate limiter is `INCREX key UBOUND 100 EX 60 ENX`: it counts to 100, starts its minute with the first call,
and answers how much was added. The words are checked before the value is looked at: options, expiry, bounds,
increment. Source: the manual; texts of errors that it does not give are those of fakeredis 2.41.

What is logged is the result, in words of Redis 8.2: SET with the moment of expiry, or KEEPTTL.
"""

from __future__ import annotations

from fractions import Fraction

from respq.command import DENYOOM, FAST, FIRST, WRITE, Argv, Client, command
from respq.commands import longdouble
from respq.commands.arguments import (
    INT64_MAX,
    INT64_MIN,
    Options,
    parse_expiry_ms,
    parse_int,
    parse_long_double,
)
from respq.commands.strings import EXPIRIES
from respq.datatypes.strings import Digits, StringValue, to_int
from respq.errors import CommandError, not_an_integer, syntax_error
from respq.protocol.resp import array, bulk, integer

WITH_WORD = {b"BYINT", b"BYFLOAT", b"LBOUND", b"UBOUND", *EXPIRIES}
ALONE = {b"SATURATE", b"PERSIST", b"ENX"}
ABOUT_INCREMENT = {b"BYINT", b"BYFLOAT"}  # at most one of them
ABOUT_EXPIRY = {*EXPIRIES, b"PERSIST"}  # likewise

Number = int | Fraction


class Integers:
    """Counting with 64 bits and a sign."""

    event = "incrby"
    least: Number = INT64_MIN
    greatest: Number = INT64_MAX

    def bound(self, word: bytes, name: str) -> Number:
        """What LBOUND or UBOUND says."""
        return parse_int(word, f"{name} is not an integer or out of range")

    def increment(self, word: bytes) -> Number:
        """What is to be added."""
        return self.bound(word, "Increment")

    def stored(self, data: bytes) -> Number:
        """What is under the key."""
        number = to_int(data)
        if number is None:
            raise not_an_integer()
        return number

    def sum(self, a: Number, b: Number) -> Number:
        """Exact, so possibly out of range."""
        return a + b

    def difference(self, a: Number, b: Number) -> Number:
        """What was added in the end."""
        if not INT64_MIN <= a - b <= INT64_MAX:
            raise CommandError("increment or decrement would overflow")
        return a - b

    def spelled(self, number: Number) -> bytes:
        """As it is stored."""
        return b"%d" % number

    def reply(self, c: Client, number: Number) -> bytes:
        """As it is answered."""
        return integer(int(number))


class LongDoubles(Integers):
    """Counting in long doubles, as INCRBYFLOAT does."""

    event = "incrbyfloat"
    greatest = longdouble.GREATEST
    least = -longdouble.GREATEST

    def bound(self, word: bytes, name: str) -> Number:
        """A spelled-out infinity is no bound."""
        try:
            return longdouble.parse(word)
        except longdouble.NotFiniteError:
            return self.least if word.startswith(b"-") else self.greatest
        except ValueError:
            raise CommandError(f"{name} is not a valid float") from None

    def increment(self, word: bytes) -> Number:
        """What is to be added; finite."""
        try:
            return longdouble.parse(word)
        except longdouble.NotFiniteError:
            raise CommandError("BYFLOAT increment cannot be Infinity") from None
        except ValueError:
            raise CommandError("Increment is not a valid float") from None

    def stored(self, data: bytes) -> Number:
        """What is under the key."""
        try:
            return parse_long_double(data)
        except longdouble.NotFiniteError:
            raise _not_finite() from None

    def sum(self, a: Number, b: Number) -> Number:
        """Rounded, unless it is too great."""
        try:
            return longdouble.rounded(Fraction(a + b))
        except longdouble.NotFiniteError:
            return a + b

    def difference(self, a: Number, b: Number) -> Number:
        """What was added in the end."""
        try:
            return longdouble.rounded(Fraction(a - b))
        except longdouble.NotFiniteError:
            raise _not_finite() from None

    def spelled(self, number: Number) -> bytes:
        """As it is stored."""
        return Digits(longdouble.human(Fraction(number)))

    def reply(self, c: Client, number: Number) -> bytes:
        """A double of RESP3 with the digits of a long double."""
        text = longdouble.human(Fraction(number))
        return bulk(text) if c.enc.version == 2 else b",%b\r\n" % text


def _not_finite() -> CommandError:
    return CommandError("increment would produce NaN or Infinity")


INTEGERS, LONG_DOUBLES = Integers(), LongDoubles()


class _Request:
    """The words of an INCREX. Raises CommandError."""

    __slots__ = ("at_ms", "high", "increment", "kind", "low", "options")

    def __init__(self, c: Client, argv: Argv) -> None:
        self.options = options = _read_options(argv)
        if b"ENX" in options:
            if b"PERSIST" in options:
                raise syntax_error()
            if not EXPIRIES.keys() & options.keys():
                raise CommandError("ENX flag requires an expiration")
        self.at_ms = _read_expiry_ms(c, options)  # 0: none is given
        self.kind = kind = LONG_DOUBLES if b"BYFLOAT" in options else INTEGERS
        self.low, self.high = kind.least, kind.greatest
        if b"LBOUND" in options:
            self.low = kind.bound(options[b"LBOUND"], "LBOUND")
        if b"UBOUND" in options:
            self.high = kind.bound(options[b"UBOUND"], "UBOUND")
        if self.low > self.high:
            raise CommandError("LBOUND can't be greater than UBOUND")
        self.increment = kind.increment(options.get(b"BYFLOAT", options.get(b"BYINT", b"1")))


def _read_options(argv: Argv) -> dict[bytes, bytes]:
    """The options by name, each given once."""
    found: dict[bytes, bytes] = {}
    for name in (options := Options(argv, 2)):
        if name in found or name not in WITH_WORD | ALONE:
            raise syntax_error()
        found[name] = options.value() if name in WITH_WORD else b""
    if len(ABOUT_INCREMENT & found.keys()) > 1 or len(ABOUT_EXPIRY & found.keys()) > 1:
        raise syntax_error()
    return found


def _read_expiry_ms(c: Client, options: dict[bytes, bytes]) -> int:
    for name in EXPIRIES.keys() & options.keys():
        unit_ms, relative = EXPIRIES[name]
        return parse_expiry_ms(options[name], unit_ms, c.server.present_ms if relative else 0, "increx")
    return 0


@command("INCREX", arity=-2, flags=WRITE | DENYOOM | FAST, keys=FIRST, group="string", since="8.8.0",
         syntax="key [BYFLOAT increment | BYINT increment] [LBOUND lowerbound] [UBOUND upperbound] "
         "[SATURATE] [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds "
         "| PERSIST] [ENX]")  # fmt: skip
def increx(c: Client, argv: Argv) -> bytes:
    """Add to the number under a key as far as bounds allow, and set or take away its expiry."""
    request = _Request(c, argv)
    kind = request.kind
    value = c.db.find(argv[1], StringValue)
    old = kind.stored(b"0" if value is None else bytes(value.data))
    new, added = kind.sum(old, request.increment), request.increment
    if not request.low <= new <= request.high:
        if b"SATURATE" not in request.options:
            return array([kind.reply(c, old), kind.reply(c, 0)])
        new = request.low if new < request.low else request.high
        added = kind.difference(new, old)
    _store(c, argv[1], value, kind.spelled(new), request)
    return array([kind.reply(c, new), kind.reply(c, added)])


def _store(c: Client, name: bytes, value: StringValue | None, data: bytes, request: _Request) -> None:
    """Put a number under a key and do with its expiry what the options say."""
    db, event = c.db, request.kind.event
    if value is None:
        value = StringValue(data)
        db.add(name, value)
    else:
        value.data = data
    persisted = b"PERSIST" in request.options and value.expires_ms != 0
    expired = request.at_ms != 0 and not (b"ENX" in request.options and value.expires_ms)
    if expired and c.server.has_passed(request.at_ms):
        db.remove(name)
        c.effects.append((db, name, event, None))
        c.effects.append((db, name, "del", [b"DEL", name]))
    elif expired:
        db.set_expiry(name, value, request.at_ms)
        c.effects.append((db, name, event, [b"SET", name, data, b"PXAT", b"%d" % request.at_ms]))
        c.effects.append((db, name, "expire", None))
    elif persisted:
        db.set_expiry(name, value, 0)
        c.effects.append((db, name, event, [b"SET", name, data]))
        c.effects.append((db, name, "persist", None))
    else:
        c.effects.append((db, name, event, [b"SET", name, data, b"KEEPTTL"]))
