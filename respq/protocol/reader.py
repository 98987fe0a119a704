"""Requests: bytes in, commands out.

The grammar, as redis-server 8.2.3 was seen to apply it (`tests/protocol/malformed.jsonl` is the record):

    request   = array | line
    array     = "*" count end  followed by `count` bulk strings; a count of 0 or less is no command at all
    bulk      = "$" length end  then `length` bytes of any kind, then two bytes that nobody looks at
    end       = CR and one byte that nobody looks at
    line      = words, quoted as in `respq.words`, then LF or CR LF; a line without words is no command

Counts and lengths are canonical decimal numbers: no sign but "-", no leading zero. A count is at most 2^31-1,
a length at least 0 and at most `max_bulk_bytes`. The end of a line is looked for only up to the first NUL
byte: a client that sends one in a header or a line is not answered until it has sent 64 KiB, the most that
any line may have. Before authentication a count is at most 10 and a length at most 16 KiB, decided when
the header is complete. The first violation ends the conversation; commands before it are executed.

Three layers, the fastest first; each is only a shorter way to what the next would say, and a twin test holds
them equal on every fuzzed input:

1. A read that repeats the previous one (a poll, a pop, an acknowledgement) has the same commands.
2. `plain` reads what is canonical. If a read ends within a short command, as every read of a long pipeline
   does, those bytes are put in front of the next read; so the commands of that read are proven, too.
3. The second half of `Reader` is the norm: incremental, one cursor, nothing is copied but the arguments.

A declared length reserves nothing. While a long argument arrives, its pieces are collected and joined once.
A beginning is read again only with at least as many bytes behind it, so that many small reads cost no more.
"""

from __future__ import annotations

import re
import sys

from respq.errors import ProtocolError
from respq.protocol import Argv
from respq.protocol.plain import PlainParser
from respq.protocol.runs import SHORTEST_RUN, Run
from respq.protocol.shapes import Shapes, Transaction
from respq.words import split_words

LINE_MAX_BYTES = 64 * 1024
COUNT_MAX = 2**31 - 1
RESTRICTED_COUNT_MAX = 10
RESTRICTED_BULK_MAX_BYTES = 16 * 1024
BULK_MAX_BYTES = 512 * 1024 * 1024  # Redis's default for proto-max-bulk-len

_REPEAT_MAX_BYTES = 1024  # longest read that is remembered
_TAIL_MAX_BYTES = 4 * 1024  # most of an incomplete command that is read twice rather than logged re-encoded
_LONGEST_NUMBER = 20  # digits and sign of the smallest 64-bit integer
_CANONICAL = re.compile(rb"0|-?[1-9][0-9]*").fullmatch
_STAR, _DOLLAR = b"*$"


class Reader:
    """One connection's requests.

    `verbatim`: the canonical encoding of the commands that the last feed returned, if they are proven to have
    been sent so; else None. Whoever needs it takes it away, lest a long read outlive its use. `error`: what
    is wrong with the bytes behind the commands returned so far; once it is set, nothing more is read.
    `restricted`: the client has not authenticated; the narrow limits hold, and `feed` returns at most one
    command, so that the caller can lift them before it goes on with `feed(b"")`. Returned lists belong to
    the reader: they are read, not changed.
    """

    __slots__ = (
        "_argv",
        "_argv_bytes",
        "_buffer",
        "_bulk_bytes",
        "_lacking",
        "_missing",
        "_pieces",
        "_plain",
        "_position",
        "_repeat",
        "_repeated",
        "_seen_again",
        "_tail",
        "_unfinished",
        "error",
        "max_bulk_bytes",
        "restricted",
        "verbatim",
    )

    def __init__(self, max_bulk_bytes: int = BULK_MAX_BYTES) -> None:
        self.max_bulk_bytes = max_bulk_bytes
        self.restricted = False
        self.verbatim: bytes | None = None
        self.error: ProtocolError | None = None
        self._plain = PlainParser()
        self._repeat: bytes | None = None  # the previous read, if it was short and verbatim
        self._repeated: list[Argv] | Run | Transaction = []  # and its commands
        self._seen_again = False  # it has come twice: if they are a run, they stand there as one
        self._tail = False  # the buffer begins a command, and the grammar has not looked at it
        self._unfinished = False  # something of what follows is set, or the error
        self._buffer = b""
        self._position = 0  # in the buffer: what is before it has been read
        self._argv: Argv = []  # the arguments so far of an array that is not complete
        self._argv_bytes = 0  # their size on the wire, with all headers
        self._missing = 0  # arguments that the array still lacks; 0: between commands
        self._bulk_bytes = -1  # length of the next argument; -1: its header has not been read
        self._pieces: list[bytes] = []  # what has arrived of that argument; the buffer is empty then
        self._lacking = 0  # bytes that are to follow the pieces, CR LF included

    def share(self, shapes: Shapes) -> None:
        """Go by the shapes of what other connections have sent as well, and add to them."""
        self._plain.shapes = shapes

    @property
    def pending(self) -> int:
        """Bytes received that no returned command accounts for."""
        return self._argv_bytes + sum(map(len, self._pieces)) + len(self._buffer) - self._position

    @property
    def unread(self) -> int:
        """Bytes received that are in no complete argument: what the query buffer limit counts. O(1).

        Of a short command that the grammar has not looked at yet, all of them.
        """
        if self._pieces:
            return self._bulk_bytes + 2 - self._lacking
        return len(self._buffer) - self._position

    def feed(self, data: bytes) -> list[Argv] | Run | Transaction:
        """The commands that are complete with `data`, oldest first. O(n) over the life of a connection.

        Where they are found to be a run they come as one, and a transaction with its shape, if that is known;
        unless `restricted`.
        """
        if data == self._repeat and not self.restricted:
            self.verbatim = data
            if not self._seen_again:
                self._seen_again = True
                self._repeated = _as_run(self._repeated)
            return self._repeated
        if self._unfinished or self.restricted or len(data) > self.max_bulk_bytes:
            return self._continue(data)
        commands, size, partial = self._plain.parse(data)
        if size == len(data):
            self.verbatim = data
            if size <= _REPEAT_MAX_BYTES:
                self._repeat = data
                self._repeated = commands
                self._seen_again = False
            else:
                self._repeat = None
            return commands
        self._repeat = None
        if partial and len(data) - size <= _TAIL_MAX_BYTES:
            self._keep_tail(data[size:])
            self.verbatim = data[:size]
            return commands
        return self._leave(data, size, list(commands))

    def _keep_tail(self, tail: bytes) -> None:
        """Put the proven beginning of a command in front of the next read."""
        self._buffer = tail
        self._position = 0
        self._tail = self._unfinished = True

    def _leave(self, data: bytes, size: int, commands: list[Argv]) -> list[Argv]:
        """Leave what `plain` has not read, all but `size` bytes, to the grammar."""
        proven = len(commands)
        self._buffer = data
        self._position = size
        self._read_all(commands)
        self.verbatim = data[:size] if len(commands) == proven else None
        return commands

    def _continue(self, data: bytes) -> list[Argv] | Run | Transaction:
        """`feed` behind something incomplete, behind an error, while restricted, or where a limit matters."""
        self._repeat = None
        self.verbatim = None
        commands: list[Argv] = []
        if self._tail:
            tail = self._buffer
            self._tail = False
            if len(tail) <= len(data) <= self.max_bulk_bytes - len(tail) and not self.restricted:
                self._buffer = b""
                self._unfinished = False
                return self.feed(tail + data)
        if self.error is not None or not self._append(data):
            return commands
        if self.restricted:
            return self._read(commands, 1)
        if self._missing:
            self._read(commands, 1)
            if self._missing:
                return commands
        if len(self._buffer) > self.max_bulk_bytes:  # a word may be too long
            return self._read_all(commands)
        rest = self._buffer[self._position :]
        behind, size, partial = self._plain.parse(rest)
        commands += behind
        if partial and len(rest) - size <= _TAIL_MAX_BYTES:
            self._keep_tail(rest[size:])
            return commands
        self._leave(rest, size, commands)
        self.verbatim = None
        return commands

    def _append(self, data: bytes) -> bool:
        """Take `data` in; False if it only lengthens an argument that lacks more."""
        if not self._pieces:
            if data:
                self._buffer = self._buffer[self._position :] + data
                self._position = 0
            return True
        self._pieces.append(data)
        self._lacking -= len(data)
        if self._lacking > 0:
            return False
        self._buffer = b"".join(self._pieces)
        self._position = 0
        self._pieces.clear()
        return True

    # -- the grammar -------------------------------------------------------------------------------

    def _read_all(self, commands: list[Argv]) -> list[Argv]:
        """Append every command that is complete in the buffer."""
        return self._read(commands, sys.maxsize)

    def _read(self, commands: list[Argv], most: int) -> list[Argv]:
        """Append up to `most` commands; what is left in the buffer is incomplete or has its turn later."""
        enough = len(commands) + most
        try:
            while len(commands) < enough and self._request(commands):
                pass
        except ProtocolError as error:
            self.error = error
            self._position = len(self._buffer)
            self._argv_bytes = 0
        if self._pieces or self._position == len(self._buffer):
            self._buffer = b""
            self._position = 0
        self._unfinished = bool(self._buffer or self._missing or self.error)
        return commands

    def _request(self, commands: list[Argv]) -> bool:
        """Read one step further: the header of an array, the rest of one, or a line; False if bytes lack."""
        if self._missing:
            return self._arguments(commands)
        if self._position == len(self._buffer):
            return False
        if self._buffer[self._position] != _STAR:
            return self._line(commands)
        return self._count()

    def _count(self) -> bool:
        """Read the header of an array."""
        start = self._position
        end = self._header_end("mbulk")
        if end < 0:
            return False
        count = _number(self._buffer[start + 1 : end])
        if count is None or count > COUNT_MAX:
            raise ProtocolError("Protocol error: invalid multibulk length")
        if self.restricted and count > RESTRICTED_COUNT_MAX:
            raise ProtocolError("Protocol error: unauthenticated multibulk length")
        self._position = end + 2
        if count > 0:
            self._missing = count
            self._argv_bytes = end + 2 - start
        return True

    def _arguments(self, commands: list[Argv]) -> bool:
        """Read bulk strings until the array is complete."""
        start = self._position
        while self._missing:
            if (self._bulk_bytes < 0 and not self._length()) or not self._bulk():
                self._argv_bytes += self._position - start
                return False
        commands.append(self._argv)
        self._argv = []
        self._argv_bytes = 0
        return True

    def _length(self) -> bool:
        """Read the header of a bulk string."""
        start = self._position
        end = self._header_end("bulk")
        if end < 0:
            return False
        if (first := self._buffer[start]) != _DOLLAR:
            raise ProtocolError(b"Protocol error: expected '$', got '%c'" % first)
        length = _number(self._buffer[start + 1 : end])
        if length is None or not 0 <= length <= self.max_bulk_bytes:
            raise ProtocolError("Protocol error: invalid bulk length")
        if self.restricted and length > RESTRICTED_BULK_MAX_BYTES:
            raise ProtocolError("Protocol error: unauthenticated bulk length")
        self._position = end + 2
        self._bulk_bytes = length
        return True

    def _bulk(self) -> bool:
        """Read the bytes of a bulk string, or set aside those that are here."""
        start = self._position
        end = start + self._bulk_bytes
        if (lacking := end + 2 - len(self._buffer)) > 0:
            self._pieces.append(self._buffer[start:])
            self._lacking = lacking
            return False
        self._argv.append(self._buffer[start:end])
        self._position = end + 2
        self._missing -= 1
        self._bulk_bytes = -1
        return True

    def _header_end(self, what: str) -> int:
        """Where the CR of the header at the cursor stands, if the byte behind it has arrived; else -1."""
        end = self._find(b"\r")
        if end < 0 and len(self._buffer) - self._position > LINE_MAX_BYTES:
            raise ProtocolError(f"Protocol error: too big {what} count string")
        return end if end + 2 <= len(self._buffer) else -1

    def _line(self, commands: list[Argv]) -> bool:
        """Read an inline command."""
        start = self._position
        end = self._find(b"\n")
        if end < 0:
            if len(self._buffer) - start > LINE_MAX_BYTES:
                raise ProtocolError("Protocol error: too big inline request")
            return False
        words = split_words(self._buffer[start:end].removesuffix(b"\r"))
        if words is None:
            raise ProtocolError("Protocol error: unbalanced quotes in request")
        if words:
            commands.append(words)
        self._position = end + 1
        return True

    def _find(self, byte: bytes) -> int:
        """Where `byte` stands behind the cursor, with no NUL before it; else -1."""
        end = self._buffer.find(byte, self._position)
        nul = self._buffer.find(b"\0", self._position, end if end >= 0 else None)
        return end if nul < 0 else -1


def _number(text: bytes) -> int | None:
    """A canonical signed 64-bit integer, or None."""
    if len(text) > _LONGEST_NUMBER or _CANONICAL(text) is None:
        return None
    number = int(text)
    return number if -(2**63) <= number < 2**63 else None


def _as_run(commands: list[Argv] | Run | Transaction) -> list[Argv] | Run | Transaction:
    """A batch that is one run as a run, so that whoever repeats it has it found once."""
    run = Run.at(commands) if isinstance(commands, list) and len(commands) >= SHORTEST_RUN else None
    return run if run is not None and run.count == len(commands) else commands
