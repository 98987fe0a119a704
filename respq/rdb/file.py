"""A data set as one file: what stands around the values.

    REDIS0012 (or VALKEY080), then by turns:
    250 name value                 about the server that wrote it; or what respq says of the next key
    254 database                   of the keys that follow
    251 keys, expiring keys        how much to expect
    252 ms | 253 s                 when the next key expires
    248 idle | 249 frequency       of the next key: when or how often it was accessed
    kind key value
    247 …                          what a module keeps beside the keys
    244 slot, keys, expiring keys  of a cluster
    245 code                       a library of functions; 246 from a pre-release
    255 CRC-64                     the end; no checksum before version 5; 0: none was made

What modules keep beside the keys is skipped. When or how often a key was accessed stands in `accessed` of the
value that is read, or to be written: as `idle` or `frequency` encode it, or UNSAID.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

from respq.datatypes.streams import StreamValue
from respq.datatypes.value import Value
from respq.rdb import kinds
from respq.rdb.checksum import crc64
from respq.rdb.cursor import BadFormatError, Cursor, Data
from respq.rdb.decoding import EmptyValueError, read_value
from respq.rdb.encoding import write_value
from respq.rdb.payload import FUNCTION, FUNCTION_EARLY, VALKEY_VERSION, VERSION, write_library
from respq.rdb.stream_extras import FIELD as STREAM_EXTRAS
from respq.rdb.stream_extras import read_extras, write_extras
from respq.rdb.strings import WriteString, write_length, write_plain

SIGNATURES: Final = (b"REDIS", b"VALKEY")
_HEADER = re.compile(rb"(REDIS|VALKEY)(\d{4}|(?<=VALKEY)\d{3})")
_HEADER_BYTES: Final = 9
_CHECKED_SINCE: Final = 5  # versions with a checksum
_SUMMED_BYTES: Final = 1 << 20  # at a time

SLOT_INFO: Final = 244
MODULE_AUX: Final = 247
IDLE: Final = 248
FREQUENCY: Final = 249
AUX: Final = 250
SIZES: Final = 251
EXPIRY_MS: Final = 252
EXPIRY_S: Final = 253
DATABASE: Final = 254
END: Final = 255
_FIRST_CODE: Final = 243
_LENGTHS: Final = {SIZES: 2, IDLE: 1, SLOT_INFO: 3, DATABASE: 1}  # integers behind the code
_WIDTHS: Final = {FREQUENCY: 1, EXPIRY_S: 4, EXPIRY_MS: 8}  # bytes behind the code, before a key
_MODULE_END, _MODULE_FLOAT, _MODULE_DOUBLE, _MODULE_STRING = 0, 3, 4, 5

UNSAID: Final = 0


def idle(seconds: int) -> int:
    """What `accessed` is in a file if a value has not been accessed for so long."""
    return -1 - seconds


def frequency(counter: int) -> int:
    """The same for how often it is accessed: 0 to 255."""
    return 1 + counter


Stored = tuple[int, bytes, Value]  # database, key, value with its expiry


class DumpReader:
    """Reads the data set at the beginning of `data`. Iterate over it once. Raises BadFormatError.

    `at` is where the reader has come to. `about` is what the server said of itself.
    """

    def __init__(self, data: Data, *, checked: bool = True) -> None:
        header = _HEADER.fullmatch(data[:_HEADER_BYTES])
        if header is None:
            raise BadFormatError("is no RDB file")
        self.valkey = header[1] == b"VALKEY"
        self.version = int(header[2])
        known = range(VALKEY_VERSION, VALKEY_VERSION + 1) if self.valkey else range(1, VERSION + 1)
        if self.version not in known:
            raise BadFormatError(f"has version {self.version} of the format, which is not known here")
        self.about: dict[bytes, bytes] = {}
        self.libraries: list[bytes] = []  # the code of each, as far as it has been read
        self.verified = False  # there was a checksum, and it is right
        self.empty = 0  # collections without elements, which are left out
        self._checked = checked
        self._extras = b""  # of the next key
        self._accessed = UNSAID  # likewise
        self._cursor = Cursor(data, _HEADER_BYTES)

    @property
    def at(self) -> int:
        """Offset in the data."""
        return self._cursor.at

    def __iter__(self) -> Iterator[Stored]:
        cursor = self._cursor
        db = expires_ms = 0
        while (code := cursor.byte()) != END:
            if code < _FIRST_CODE:
                key = cursor.string()
                try:
                    value = read_value(code, cursor, valkey=self.valkey)
                except EmptyValueError:
                    self.empty += 1
                else:
                    value.expires_ms = expires_ms
                    value.accessed = self._accessed
                    if self._extras:
                        self._complete(value)
                    yield db, key, value
                expires_ms = 0
                self._accessed = UNSAID
            elif code == DATABASE:
                db = cursor.length()
            elif code == EXPIRY_MS:
                expires_ms = max(1, cursor.i64())
            elif code == EXPIRY_S:
                expires_ms = max(1, cursor.i32() * 1000)
            else:
                self._read_other(code)
        self._check()

    def _read_other(self, code: int) -> None:
        """What says nothing about a key's value."""
        cursor = self._cursor
        if code == AUX:
            name, text = cursor.string(), cursor.string()
            if name == STREAM_EXTRAS:
                self._extras = text
            else:
                self.about[name] = text
        elif code == IDLE:
            self._accessed = idle(cursor.length())
        elif code == FREQUENCY:
            self._accessed = frequency(cursor.byte())
        elif code in _LENGTHS:
            for _ in range(_LENGTHS[code]):
                cursor.length()
        elif code == MODULE_AUX:
            self._skip_module()
        elif code == FUNCTION:
            self.libraries.append(cursor.string())
        elif code == FUNCTION_EARLY:
            raise BadFormatError("has functions of a pre-release of Redis 7")
        else:
            raise BadFormatError(f"has a part of type {code}, which is not known here")

    def _complete(self, value: Value) -> None:
        """Add what stood before the key."""
        if not isinstance(value, StreamValue):
            raise BadFormatError("has what belongs to a stream before a key of another type")
        read_extras(self._extras, value)
        self._extras = b""

    def _skip_module(self) -> None:
        cursor = self._cursor
        cursor.length()  # the module; what follows when, are values like all others
        while (code := cursor.length()) != _MODULE_END:
            if code == _MODULE_STRING:
                cursor.skip_string()
            elif code == _MODULE_DOUBLE:
                cursor.double()
            elif code == _MODULE_FLOAT:
                cursor.float()
            elif code < _MODULE_FLOAT:
                cursor.length()
            else:
                raise BadFormatError(f"has a module's value of type {code}, which is not known here")

    def _check(self) -> None:
        """Read the checksum and compare it. 0.1 ms per MB."""
        if self.version < _CHECKED_SINCE:
            return
        cursor = self._cursor
        end = cursor.at
        expected = int.from_bytes(cursor.take(8), "little")
        if not expected or not self._checked:
            return
        found = 0
        with memoryview(cursor.data) as data:
            for at in range(0, end, _SUMMED_BYTES):
                found = crc64(data[at : min(at + _SUMMED_BYTES, end)], found)
        if found != expected:
            raise BadFormatError("has another checksum than it says")
        self.verified = True


def describe_part(data: Data, at: int) -> str:
    """What the part of a dump is that begins at `at`, in words; as far as can be seen, if it is damaged."""
    if not at:
        return "at its beginning"
    cursor = Cursor(data, at)
    try:
        while (code := cursor.byte()) >= _FIRST_CODE:
            if code == AUX:
                cursor.string()
                cursor.string()
            elif code in _LENGTHS:
                for _ in range(_LENGTHS[code]):
                    cursor.length()
            elif code in _WIDTHS:
                cursor.take(_WIDTHS[code])
            else:
                return "at its end" if code == END else "in the part of the file that begins here"
        return f"in the {kinds.TYPE_NAMES.get(code, 'value')} under {cursor.string()!r}"
    except BadFormatError:
        return "in the part of the file that begins here"


def never_said(_value: Value) -> int:
    """An `Accessed` for a file that does not say when keys were accessed."""
    return UNSAID


Accessed = Callable[[Value], int]  # `idle`, `frequency` or UNSAID for a value


class Contents(NamedTuple):
    """One database to be written. Nothing may change meanwhile."""

    number: int
    items: Iterable[tuple[bytes, Value]]
    keys: int
    expiring: int  # of them


def write_dump(
    databases: Iterable[Contents],
    about: dict[bytes, bytes],
    write_string: WriteString = write_plain,
    *,
    libraries: Iterable[bytes] = (),
    checked: bool = True,
    accessed: Accessed = never_said,
) -> Iterator[bytes]:
    """The file in pieces, as version 12. Not `checked`: without a checksum."""
    checksum = 0
    for piece in _pieces(databases, about, libraries, write_string, accessed):
        if checked:
            checksum = crc64(piece, checksum)
        yield piece
    yield checksum.to_bytes(8, "little")


def _pieces(
    databases: Iterable[Contents],
    about: dict[bytes, bytes],
    libraries: Iterable[bytes],
    write_string: WriteString,
    accessed: Accessed,
) -> Iterator[bytes]:
    yield b"REDIS%04d" % VERSION
    for field in about.items():
        yield _auxiliary(*field)
    for code in libraries:
        yield write_library(code, write_string)
    for database in databases:
        sizes = write_length(database.keys) + write_length(database.expiring)
        yield b"%c%b%c%b" % (DATABASE, write_length(database.number), SIZES, sizes)
        for key, value in database.items:
            if value.__class__ is StreamValue and (extras := write_extras(value)):
                yield _auxiliary(STREAM_EXTRAS, extras)
            kind, pieces = write_value(value, write_string)
            expiry = (
                b"%c%b" % (EXPIRY_MS, value.expires_ms.to_bytes(8, "little")) if value.expires_ms else b""
            )
            said = b"" if accessed is never_said else _access(accessed(value))
            yield b"%b%b%c%b" % (expiry, said, kind, write_string(key))
            yield from pieces
    yield b"%c" % END


def _access(said: int) -> bytes:
    if said == UNSAID:
        return b""
    return b"%c%b" % (IDLE, write_length(-1 - said)) if said < 0 else b"%c%c" % (FREQUENCY, said - 1)


def _auxiliary(name: bytes, text: bytes) -> bytes:
    return b"%c%b%b" % (AUX, write_plain(name), write_plain(text))
