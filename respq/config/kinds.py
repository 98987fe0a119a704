"""What the value of a directive may be: how it is read, shown by CONFIG GET and written into a file.

A kind reads a list of words, because a line of a file has been split into words by then; CONFIG SET
splits at single spaces, and only for the kinds that take `several` words. Reading raises ConfigError
with the reason alone, in the wording of redis-server 8.2.3, which clients see behind "CONFIG SET
failed"; whoever called says which directive it was. Kinds hold no state and know no directive.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Generic, TypeVar

T = TypeVar("T")

INT_MAX = 2**31 - 1
UINT_MAX = 2**32 - 1
INT64_MAX = 2**63 - 1

Version = tuple[int, int, int]
OutputLimit = tuple[int, int, int]  # hard limit in bytes, soft limit in bytes, seconds above the soft one

_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,18}")
_VERSION = re.compile(r"([0-9]{1,2})\.([0-9]{1,2})\.([0-9]{1,2})")
_MOST_DIGITS = 128  # of a memory value, which Redis has a buffer for
_MEMORY = re.compile(r"([0-9]*)([a-z]*)", re.IGNORECASE)
_UNIT_BYTES = {
    "": 1, "b": 1, "k": 1000, "kb": 1 << 10, "m": 1000**2, "mb": 1 << 20, "g": 1000**3, "gb": 1 << 30,
}  # fmt: skip
_ESCAPES = {0x22: '\\"', 0x5C: "\\\\", 0x0A: "\\n", 0x0D: "\\r", 0x09: "\\t", 0x07: "\\a", 0x08: "\\b"}


class ConfigError(Exception):
    """A configuration that cannot be: one line for people."""


def encoded(text: str) -> bytes:
    """The bytes that `decoded` made a text of."""
    return text.encode("utf-8", "surrogateescape")


def decoded(data: bytes) -> str:
    """Any bytes as text, without loss."""
    return data.decode("utf-8", "surrogateescape")


def quoted(text: str) -> str:
    """A text as one word of a configuration file, whatever is in it."""
    body = [
        _ESCAPES.get(byte) or (chr(byte) if 32 <= byte < 127 else f"\\x{byte:02x}") for byte in encoded(text)
    ]
    return f'"{"".join(body)}"'


class Kind(Generic[T]):
    """The interface. `lines` gives what stands behind the name in a file, a value a line."""

    several = False  # takes any number of words
    adds_up = False  # the lines of a file do, but for an empty one
    ends_at_nul = True  # words do, as strings of C
    hint = "TEXT"  # what the help calls a value

    def read(self, words: Sequence[str], current: T) -> T:
        """The value of `words`; parts that they do not mention stay as in `current`."""
        raise NotImplementedError

    def show(self, value: T) -> str:
        """As CONFIG GET answers."""
        return str(value)

    def brief(self, value: T) -> str:
        """As people write it."""
        return self.show(value)

    def lines(self, value: T, default: T) -> list[tuple[str, bool]]:
        """For CONFIG REWRITE; true if the line is needed although no line of the file says it yet."""
        return [(self.show(value), value != default)]


class Flag(Kind[bool]):
    """yes or no."""

    hint = "yes|no"

    def read(self, words: Sequence[str], current: bool) -> bool:
        """`yes` or `no`, in any case."""
        word = words[0].lower()
        if word not in {"yes", "no"}:
            raise ConfigError("argument must be 'yes' or 'no'")
        return word == "yes"

    def show(self, value: bool) -> str:
        """`yes` or `no`."""
        return "yes" if value else "no"


class Number(Kind[int]):
    """A whole number; outside of `clamp` it is accepted and brought inside."""

    hint = "N"
    ends_at_nul = False

    def __init__(
        self, low: int, high: int, *, unsigned: bool = False, clamp: tuple[int, int] | None = None
    ) -> None:
        self.low = low
        self.high = high
        self.unsigned = unsigned
        self.clamp = clamp or (low, high)

    def read(self, words: Sequence[str], current: int) -> int:
        """Digits without sign, blanks or leading zeros, and a minus where it may be negative."""
        if not _INTEGER.fullmatch(words[0]) or not -INT64_MAX - 1 <= (value := int(words[0])) <= INT64_MAX:
            raise ConfigError("argument couldn't be parsed into an integer")
        return self._bounded(value)

    def _bounded(self, value: int) -> int:
        if self.unsigned and value < 0:
            raise ConfigError("argument must be greater or equal to 0")
        if not self.low <= value <= self.high:
            raise ConfigError(f"argument must be between {self.low} and {self.high} inclusive")
        low, high = self.clamp
        return min(max(value, low), high)


class Memory(Number):
    """Bytes; `1gb` is 1024³ and `1g` 1000³."""

    hint = "BYTES"
    ends_at_nul = True

    def read(self, words: Sequence[str], current: int) -> int:
        """A number with or without a unit; nothing at all is 0."""
        value = memory_bytes(words[0])
        if value is None:
            raise ConfigError("argument must be a memory value")
        return self._bounded(value - (1 << 64) if value > INT64_MAX else value)

    def brief(self, value: int) -> str:
        """In the largest unit that fits."""
        return memory_text(value)

    def lines(self, value: int, default: int) -> list[tuple[str, bool]]:
        """In the largest unit that fits."""
        return [(memory_text(value), value != default)]


class MemoryOrPercent(Kind[int]):
    """Bytes, or a share of another limit, which is kept as a negative number."""

    hint = "BYTES|N%"
    ends_at_nul = False  # bytes do, a share does not

    def read(self, words: Sequence[str], current: int) -> int:
        """`100mb` or `5%`."""
        value = self._share(words[0])
        if value is None:
            value = memory_bytes(until_nul(words[0]))
        if value is None:
            raise ConfigError("argument must be a memory or percent value")
        if value > INT64_MAX:  # as in C: what is too much is a share
            value -= 1 << 64
        if value < -100:
            raise ConfigError("percentage argument must be less or equal to 100")
        return value

    @staticmethod
    def _share(word: str) -> int | None:
        percent = word.removesuffix("%")
        if percent == word or not _INTEGER.fullmatch(percent) or not 0 <= int(percent) <= INT64_MAX:
            return None
        return -int(percent)

    def show(self, value: int) -> str:
        """Bytes, or the share."""
        return f"{-value}%" if value < 0 else str(value)


class Permissions(Kind[int]):
    """The mode of a file, in octal."""

    hint = "MODE"

    def read(self, words: Sequence[str], current: int) -> int:
        """`700`; 0 leaves the mode to the umask."""
        if not re.fullmatch(r"[0-7]+", words[0]):
            raise ConfigError("argument couldn't be parsed as an octal number")
        if (value := int(words[0], 8)) > 0o777:
            raise ConfigError("argument must be between 0 and 777 inclusive")
        return value

    def show(self, value: int) -> str:
        """In octal, without a leading zero."""
        return f"{value:o}"


class Choice(Kind[str]):
    """One of a few words. What came `later` than Redis 8.2.3 is taken, but errors do not name it."""

    def __init__(self, *names: str, later: Sequence[str] = ()) -> None:
        self.names = names
        self.later = later
        self.hint = "|".join([*names, *later])

    def read(self, words: Sequence[str], current: str) -> str:
        """One of the names, in any case."""
        return self._name(words[0])

    def _name(self, word: str) -> str:
        if (name := word.lower()) not in self.names and name not in self.later:
            raise ConfigError(f"argument(s) must be one of the following: {', '.join(self.names)}")
        return name


class Release(Kind[Version]):
    """A version of Redis out of certain lines, as in `8.8.2`; of the first line that one version alone."""

    hint = "VERSION"

    def __init__(self, first: Version, *lines: tuple[int, int]) -> None:
        self.first = first
        self.of_lines = lines

    def read(self, words: Sequence[str], current: Version) -> Version:
        """Three numbers."""
        if match := _VERSION.fullmatch(words[0]):
            version = int(match[1]), int(match[2]), int(match[3])
            if version == self.first or version[:2] in self.of_lines:
                return version
        later = ", ".join([f"{major}.{minor}.x" for major, minor in self.of_lines])
        raise ConfigError(f"argument must be {self.show(self.first)} or one of {later}")

    def show(self, value: Version) -> str:
        """With dots."""
        return ".".join(map(str, value))


class Choices(Choice):
    """One or more of a few words."""

    several = True

    def read(self, words: Sequence[str], current: str) -> str:
        """The names, in the order of the table."""
        chosen = {self._name(word) for word in words} or {self._name("")}
        if {"save", "nosave"} <= chosen:
            raise ConfigError("shutdown options SAVE and NOSAVE can't be used simultaneously")
        return " ".join([name for name in self.names if name in chosen])


class Text(Kind[str]):
    """Any text that `check` does not object to by raising ConfigError; `hint` says what it should be."""

    def __init__(
        self, check: Callable[[str], None] = lambda text: None, *, ends_at_nul: bool = True, hint: str = ""
    ) -> None:
        self.check = check
        self.ends_at_nul = ends_at_nul
        self.hint = hint or self.hint

    def read(self, words: Sequence[str], current: str) -> str:
        """The word as it is."""
        self.check(words[0])
        return words[0]

    def lines(self, value: str, default: str) -> list[tuple[str, bool]]:
        """In quotes."""
        return [(quoted(value), value != default)]


class Directory(Text):
    """A directory, kept as an absolute path."""

    hint = "PATH"

    def read(self, words: Sequence[str], current: str) -> str:
        """A path, seen from the working directory. None is no directory."""
        if not words[0]:
            raise ConfigError("No such file or directory")
        return str(Path(words[0]).absolute())


class Password(Kind[bytes]):
    """A password."""

    hint = "PASSWORD"
    ends_at_nul = False

    def read(self, words: Sequence[str], current: bytes) -> bytes:
        """The word as it is."""
        return encoded(words[0])

    def show(self, value: bytes) -> str:
        """In the open: who may ask for it may also set it."""
        return decoded(value)

    def lines(self, value: bytes, default: bytes) -> list[tuple[str, bool]]:
        """In quotes."""
        return [(quoted(decoded(value)), value != default)]


class Addresses(Kind[tuple[str, ...]]):
    """Up to 16 addresses to listen on; `-` before one: do without it if it is not there."""

    several = True
    hint = "ADDRESS ..."

    def read(self, words: Sequence[str], current: tuple[str, ...]) -> tuple[str, ...]:
        """Addresses, or nothing."""
        if len(words) > 16:
            raise ConfigError("Too many bind addresses specified.")
        return tuple(words) if list(words) != [""] else ()

    def show(self, value: tuple[str, ...]) -> str:
        """Separated by blanks."""
        return " ".join(value)

    def lines(self, value: tuple[str, ...], default: tuple[str, ...]) -> list[tuple[str, bool]]:
        """An empty value is a value too."""
        return [(self.show(value) or '""', value != default)]


class OutputLimits(Kind[Mapping[str, OutputLimit]]):
    """Limits of the output that a client does not read, by its class: normal, replica or pubsub."""

    several = True
    hint = "CLASS HARD SOFT SECONDS ..."
    _WIRE: Mapping[str, str] = {"normal": "normal", "replica": "slave", "pubsub": "pubsub"}

    def read(self, words: Sequence[str], current: Mapping[str, OutputLimit]) -> Mapping[str, OutputLimit]:
        """Groups of class, hard limit, soft limit and seconds; classes not named stay as they are."""
        words = [] if list(words) == [""] else words
        if len(words) % 4:
            raise ConfigError("Wrong number of arguments in buffer limit configuration.")
        limits = dict(current)
        for group in range(0, len(words), 4):
            kind, hard, soft, seconds = words[group : group + 4]
            name = self._class(kind)
            limits[name] = self._limit(hard, soft, seconds)
        return limits

    @staticmethod
    def _class(word: str) -> str:
        name = word.lower()
        if name not in {"normal", "replica", "slave", "pubsub"}:
            raise ConfigError("Invalid client class specified in buffer limit configuration.")
        return "replica" if name == "slave" else name

    @staticmethod
    def _limit(hard: str, soft: str, seconds: str) -> OutputLimit:
        hard_bytes, soft_bytes = memory_bytes(hard), memory_bytes(soft)
        if hard_bytes is None or soft_bytes is None or not re.fullmatch(r"[0-9]{1,18}", seconds):
            raise ConfigError("Error in hard, soft or soft_seconds setting in buffer limit configuration.")
        return hard_bytes, soft_bytes, int(seconds)

    def show(self, value: Mapping[str, OutputLimit]) -> str:
        """All classes in one line; CONFIG GET calls a replica a slave."""
        return " ".join(
            [
                f"{wire} {value[name][0]} {value[name][1]} {value[name][2]}"
                for name, wire in self._WIRE.items()
            ]
        )

    def brief(self, value: Mapping[str, OutputLimit]) -> str:
        """All classes in one line, with units."""
        return " ".join([self._line(name, limit) for name, limit in value.items()])

    def lines(
        self, value: Mapping[str, OutputLimit], default: Mapping[str, OutputLimit]
    ) -> list[tuple[str, bool]]:
        """A class a line."""
        return [(self._line(name, limit), limit != default[name]) for name, limit in value.items()]

    @staticmethod
    def _line(name: str, limit: OutputLimit) -> str:
        hard, soft, seconds = limit
        return f"{name} {memory_text(hard)} {memory_text(soft)} {seconds}"


class Words(Kind[str]):
    """Some words, kept as one text; `tidied` spells them in one way, or raises ConfigError."""

    hint = "N ..."
    several = True

    def __init__(self, tidied: Callable[[Sequence[str]], Sequence[str]], *, ends_at_nul: bool = True) -> None:
        self.tidied = tidied
        self.ends_at_nul = ends_at_nul

    def read(self, words: Sequence[str], current: str) -> str:
        """All words, or none."""
        return " ".join(self.tidied([] if list(words) == [""] else words))

    def lines(self, value: str, default: str) -> list[tuple[str, bool]]:
        """An empty value is a value too."""
        return [(value or '""', value != default)]


class SavePoints(Words):
    """Pairs of numbers, one pair a line of a file."""

    adds_up = True
    hint = "SECONDS CHANGES ..."

    def lines(self, value: str, default: str) -> list[tuple[str, bool]]:
        """One line a pair."""
        numbers = value.split()
        if not numbers:
            return super().lines(value, default)
        return [(" ".join(numbers[at : at + 2]), value != default) for at in range(0, len(numbers), 2)]


class Primary(Kind[str]):
    """The host and port to replicate from."""

    several = True

    def read(self, words: Sequence[str], current: str) -> str:
        """A host and a port, or `no one`."""
        if len(words) != 2:
            raise ConfigError("wrong number of arguments")
        return "" if [word.lower() for word in words] == ["no", "one"] else " ".join(words)

    def lines(self, value: str, default: str) -> list[tuple[str, bool]]:
        """Never written: `no one` is the default."""
        return [(value, True)] if value else []


class EventClasses(Kind[str]):
    """The classes of key-space events that are published, a letter each; the value names every one."""

    hint = "CLASSES"
    _ALL = "g$lshzxetd"  # what A stands for
    _ASKED_FOR = "noc"  # not part of A, and not shown beside it
    _FORMS = "KEmSTIV"  # how they are published, and misses
    _LETTERS = _ALL + _ASKED_FOR + _FORMS

    def read(self, words: Sequence[str], current: str) -> str:
        """The letters in Redis's order, the ten of `A` spelled out."""
        letters = set(words[0].replace("A", self._ALL))
        if letters - set(self._LETTERS):
            raise ConfigError("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.")
        return "".join([letter for letter in self._LETTERS if letter in letters])

    def show(self, value: str) -> str:
        """With `A` for its ten, and then without what is not part of it, as in Redis."""
        if set(value) >= set(self._ALL):
            return "A" + "".join([letter for letter in value if letter in self._FORMS])
        return value

    def lines(self, value: str, default: str) -> list[tuple[str, bool]]:
        """In quotes, and complete: what is read again is what was written."""
        return [(quoted(value.replace(self._ALL, "A")), value != default)]


def until_nul(word: str) -> str:
    """What C takes for the string."""
    return word.partition("\0")[0]


def memory_bytes(word: str) -> int | None:
    """`64mb` in bytes, wrapped at 64 bits as Redis does; None if it is no memory value."""
    match = _MEMORY.fullmatch(word)
    if match is None or match[2].lower() not in _UNIT_BYTES or len(match[1]) >= _MOST_DIGITS:
        return None
    number = min(int(match[1] or "0"), (1 << 64) - 1) if len(match[1]) < 40 else (1 << 64) - 1
    return number * _UNIT_BYTES[match[2].lower()] & ((1 << 64) - 1)


def memory_text(value: int) -> str:
    """Bytes in the largest unit that leaves a whole number."""
    for unit in ("gb", "mb", "kb"):
        if value and not value % _UNIT_BYTES[unit]:
            return f"{value // _UNIT_BYTES[unit]}{unit}"
    return str(value)
