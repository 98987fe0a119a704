"""What DUMP answers and RESTORE takes: a value, the version of the format, a checksum.

    how the value is written, the value, version (u16), CRC-64 of all before it (u64)

What stands between the value and the version is not looked at, as in Redis. In what FUNCTION DUMP answers
there stand libraries instead of a value:

    245, code; 245, code; …
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from struct import Struct
from typing import Final

from respq.datatypes.value import Value
from respq.rdb.checksum import crc64
from respq.rdb.cursor import BadFormatError, Cursor
from respq.rdb.decoding import read_value
from respq.rdb.encoding import write_value
from respq.rdb.strings import WriteString

VERSION: Final = 12  # of Redis 8.2
VALKEY_VERSION: Final = 80  # of Valkey 9, which left the numbers up to 79 to others
FUNCTION: Final = 245  # a library's code follows
FUNCTION_EARLY: Final = 246  # a library, as a pre-release wrote it
_FOOTER: Final = Struct("<HQ")
_VERSION_BYTES: Final = 2


class BadChecksumError(BadFormatError):
    """The payload is damaged, or of a version that is unknown here."""


def dump(value: Value, write_string: WriteString) -> bytes:
    """The payload for a value."""
    kind, pieces = write_value(value, write_string)
    return seal(b"%c%b" % (kind, b"".join(pieces)))


def dump_libraries(codes: Iterable[bytes], write_string: WriteString) -> bytes:
    """The payload for libraries of functions."""
    return seal(b"".join([write_library(code, write_string) for code in codes]))


def write_library(code: bytes, write_string: WriteString) -> bytes:
    """One library, in a payload or a file."""
    return b"%c%b" % (FUNCTION, write_string(code))


def seal(body: bytes) -> bytes:
    """A payload with this body."""
    body += VERSION.to_bytes(_VERSION_BYTES, "little")
    return body + crc64(body).to_bytes(8, "little")


def check(payload: bytes) -> None:
    """Raise BadChecksumError unless the payload is whole and of a version that Redis 8.2 reads."""
    if len(payload) < _FOOTER.size:
        raise BadChecksumError("too short")
    version, checksum = _FOOTER.unpack_from(payload, len(payload) - _FOOTER.size)
    if version > VERSION:
        raise BadChecksumError(f"version {version}")
    if checksum != crc64(payload[: _VERSION_BYTES - _FOOTER.size]):
        raise BadChecksumError("checksum")


def restore(payload: bytes) -> Value:
    """The value in a payload that has been checked. Raises BadFormatError."""
    cursor = Cursor(payload, 0, len(payload) - _FOOTER.size)
    return read_value(cursor.byte(), cursor)


def read_libraries(payload: bytes) -> Iterator[bytes]:
    """The code of each library in a payload that has been checked. Raises BadFormatError in Redis's words."""
    cursor, end = Cursor(payload), len(payload) - _FOOTER.size
    while cursor.at < end:
        kind = cursor.byte()
        if kind == FUNCTION_EARLY:
            raise BadFormatError("Pre-GA function format not supported")
        if kind != FUNCTION:
            raise BadFormatError("given type is not a function")
        try:
            code = cursor.string()
        except BadFormatError:
            raise BadFormatError("Failed loading library payload") from None
        yield code
