"""The table of requests that are none, or hardly any, and what redis-server 8.2.3 does with each.

`python -m compat.oracle.malformed` starts the reference twice (once with a password), sends every case
and writes `tests/protocol/malformed.jsonl`: the exact bytes that came back and whether the connection was
open or closed afterwards, for the case alone, behind a good command and in front of good commands. The
tests of the core hold respq to that file without a server; `compat/oracle/test_malformed.py` records it
again and compares. Before a password only empty requests stand in front: redis-server 8.2.3 forgets to
answer a wrong AUTH while an earlier answer has not left (`differences.md`), and respq does not.

When is a reply complete? Redis reads every ready client once per turn of its loop, so a few PINGs on
a second connection, each of them a turn, prove that the first one has been read, answered and, if it
must be, closed. No waiting, and the same result each time.

A line is a JSON object. Bytes are a list of texts in latin-1, with JSON's escapes; `[text, n]` in it is
`text` repeated n times. Sizes stay clear of what depends on how many bytes one read returns: Redis looks
for "too big" lines only when it has run out of input.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

from compat.servers import start_redis

TABLE = Path(__file__).parents[2] / "tests" / "protocol" / "malformed.jsonl"
PASSWORD = "sesame"
READ_BYTES = 16 * 1024  # what Redis reads at once, at least
SETTLED_TURNS = 6  # of the loop: read, reply, close

Part = str | list[str | int]

AUTH = f"*2\r\n$4\r\nAUTH\r\n${len(PASSWORD)}\r\n{PASSWORD}\r\n"
PING = "*1\r\n$4\r\nPING\r\n"
ECHO = "*2\r\n$4\r\nECHO\r\n"
EMPTY = "*0\r\n\r\n"  # two requests that are no commands
FRONTS = {"open": PING, "locked": EMPTY}
BACK = PING + "ECHO last\r\n" + PING

COUNTS = [
    "", "-", "+", "0", "-0", "+0", "00", "01", "+1", "-1", "-2", "-10", "--1", "1 ", " 1", "1\t", "1a", "a1",
    "a", "1.0", "1e0", "0x1", "1\n", "\n1", "1\x00", "\x001", "\x80", "2147483647", "2147483648",
    "-2147483648", "-2147483649", "4294967297", "1000000000", "9223372036854775807", "9223372036854775808",
    "-9223372036854775808", "-9223372036854775809", "18446744073709551617", "99999999999999999999",
    "999999999999999999999999999999", "?", "$1", "*1", "²",
]  # fmt: skip
LENGTHS = [
    "", "-", "+", "-0", "00", "04", "+4", "-1", "-2", "--4", "4 ", " 4", "4\t", "4a", "a", "4.0", "4e0",
    "0x4", "4\n", "\n4", "4\x00", "\x004", "\xff", "512000000", "536870912", "536870913", "1073741824",
    "2147483648", "4294967300", "9223372036854775807", "9223372036854775808", "-9223372036854775808",
    "18446744073709551620", "99999999999999999999", "?", "*4", "$4",
]  # fmt: skip
NOT_BULKS = [
    ":5\r\n", "+PING\r\n", "-ERR x\r\n", "_\r\n", "#t\r\n", ",1.5\r\n", "(12345\r\n", "!3\r\nERR\r\n",
    "=8\r\ntxt:PING\r\n", "%1\r\n$1\r\na\r\n$1\r\nb\r\n", "~1\r\n$4\r\nPING\r\n", ">1\r\n$4\r\nPING\r\n",
    "|1\r\n$1\r\na\r\n$1\r\nb\r\n$4\r\nPING\r\n", "*1\r\n$4\r\nPING\r\n", "*-1\r\n", "*0\r\n", "PING\r\n",
    "\r\n", "\n\r\n", "\n", " $4\r\nPING\r\n", "'\r\n", "\\\r\n", "%\r\n", "\x7f\r\n", "\x80\r\n",
    "\xff\r\n", "\x00\r\n", "\x01\r\n", "\t\r\n", "\x1b[0m\r\n", "4\r\nPING\r\n", "\r\r\n", "\rX", "é\r\n",
]  # fmt: skip
INLINE = [
    "PING", "ping", "  PING", "PING  ", "\tPING\t", "\x0bPING", "\x0cPING", "PING\x0b", "ECHO a\x0bb",
    "ECHO\x0ca", "\rPING", "PING\r", "PING\r\r", "ECHO a\rb", 'ECHO "a\rb"', "ECHO hello", "ECHO  hello ",
    'ECHO ""', "ECHO ''", "''", '""', "'PING'", '"PING"', '"PING', "'PING", 'ECHO "a', "ECHO 'a",
    'ECHO "a"b', "ECHO 'a'b", "ECHO \"a\"'b'", "ECHO 'a'\"b\"", 'ECHO a"b"', "ECHO a'b'", 'ECHO a"b"c',
    "ECHO a'b'c", 'ECHO "', "ECHO '", "ECHO \"'\"", "ECHO '\"'", "ECHO \"\\\"\"", "ECHO '\\''", "ECHO '\\'",
    "ECHO \"\\\"", "ECHO '\\\\'", "ECHO \"\\\\\"", "ECHO \"\\n\\r\\t\\b\\a\"", "ECHO '\\n'", "ECHO \\n",
    "ECHO \"\\x41\\x7a\"", "ECHO \"\\x4\"", "ECHO \"\\xg1\"", "ECHO \"\\x\"", "ECHO \"\\X41\"",
    "ECHO \"\\x00\\xff\"", "ECHO '\\x41'", "ECHO \\x41", "ECHO \"\\q\\0\"", "ECHO \"a\\", "ECHO 'a\\",
    "ECHO a\\", "ECHO a\\ b", 'ECHO "a"\x0b', 'ECHO "a"\x0cb', 'ECHO "a b" "c"', 'ECHO "a\x0bb"', '"PI"NG',
    'P"ING"', "ECHO \xff\x80", "\xffPING", 'NOSUCH "a b" c', "ECHO a b", "ECHO", "QUIT", "POST / HTTP/1.1",
    "post", "pOsT x", "Host: a", "host:", "HOST: b c", "Host:b", "GET / HTTP/1.1\r\nHost: x\r\n", "POSTS x",
    "PUT / HTTP/1.1", "$4", "$4\r\nPING", ":5", "+PING", "-ERR", "_", "#t", "%1", "~1", ">1", "=8", "(1",
    "!3", "|1", "hullo", '{"a": 1}', "<xml/>", " *1", "\x16\x03\x01", "\x01", "\\", "\"\\x50ING\"",
    "PING 'a b'", "PING \"\\x22\"", "#", "ECHO #", "\x00PING", "PING\x00", "PI\x00NG", 'ECHO "\x00"',
    "SET k 'v\\'w'", 'ECHO "a\tb"', 'ECHO "a" \t',
]  # fmt: skip


def _counts() -> Iterator[tuple[str, list[Part]]]:
    for count in COUNTS:
        yield f"count {count!r}", [f"*{count}\r\n$4\r\nPING\r\n"]
    for count in ("0", "-1", "-5", "00", "x"):
        yield f"only count {count!r}", [f"*{count}\r\n"]
    yield "a huge count and nothing else", ["*1000000000\r\n"]
    yield "a huge count and a few arguments", ["*1000000000\r\n", ["$1\r\na\r\n", 20]]
    yield "empty arrays", [["*0\r\n", 30]]
    yield "null arrays", [["*-1\r\n", 30]]
    yield "empty array, then garbage", ["*0\r\nfoo bar\r\n"]
    for end in ("\n", "\r", "\rX", "\r\r", "\n\n", "\n\r", "\r\n\r\n", "\n\n\r", "\x00\r\n", "X"):
        yield f"count ends in {end!r}", [f"*1{end}$4\r\nPING\r\n"]
    yield "a star", ["*"]
    yield "a count without an end", ["*1"]
    yield "a count over 64 KiB without an end", ["*", ["1", 200_000]]
    yield "a count of zeros over 64 KiB", ["*", ["0", 50_000], "1\r\n$4\r\nPING\r\n"]


def _lengths() -> Iterator[tuple[str, list[Part]]]:
    for length in LENGTHS:
        yield f"length {length!r} of a name", [f"*1\r\n${length}\r\nPING\r\n"]
        yield f"length {length!r} of an argument", [f"{ECHO}${length}\r\nabcd\r\n"]
    for length in ("0", "1", "2", "3", "5", "6", "7", "12"):
        yield f"length {length!r} for four bytes", [f"{ECHO}${length}\r\nabcd\r\n"]
    for end in ("\n", "\r", "\rX", "\r\r", "\n\n", "\n\r", "\x00\r\n", "X"):
        yield f"length ends in {end!r}", [f"*1\r\n$4{end}PING\r\n"]
    for end in (
        "XX",
        "\n\r",
        "\r\r",
        "\n\n",
        "\x00\x00",
        "\rX",
        "X\n",
        "*1",
        "$4",
        "\r\n\r\n",
        "\r\n\n",
        "\r\nX\r\n",
    ):
        yield f"argument ends in {end!r}", [f"{ECHO}$4\r\nabcd{end}"]
    for end in ("", "\r", "\n", "X"):
        yield f"argument without an end {end!r}", [f"{ECHO}$4\r\nabcd{end}"]
    yield "an empty name", ["*1\r\n$0\r\n\r\n"]
    yield "an empty name and an argument", ["*2\r\n$0\r\n\r\n$1\r\na\r\n"]
    yield "an empty argument", [ECHO, "$0\r\n\r\n"]
    yield "CR and LF in an argument", [ECHO, "$8\r\n\r\n*1\r\n\r\n\r\n"]
    yield "a request in an argument", [f"{ECHO}${len(PING)}\r\n{PING}\r\n"]
    yield "NUL in an argument", [ECHO, "$3\r\n\x00\r\n\r\n"]
    yield "all bytes in an argument", [ECHO, "$256\r\n", "".join(map(chr, range(256))), "\r\n"]
    yield "a long argument", [ECHO, "$100000\r\n", ["x", 100_000], "\r\n"]
    yield "a long argument that is cut", [ECHO, "$100000\r\n", ["x", 90_000]]
    yield "a length over 64 KiB without an end", ["*1\r\n$", ["1", 200_000]]
    yield "a length of zeros over 64 KiB", ["*1\r\n$", ["0", 50_000], "4\r\nPING\r\n"]
    yield "a length and nothing else", ["*1\r\n$536870912\r\n"]
    yield "a length without an end", ["*1\r\n$4"]


def _arguments() -> Iterator[tuple[str, list[Part]]]:
    for item in NOT_BULKS:
        yield f"{item!r} for a name", ["*1\r\n", item]
        yield f"{item!r} for an argument", [ECHO, item]
    yield "one argument too many", [ECHO, "$1\r\na\r\n$1\r\nb\r\n"]
    yield "one argument too few", ["*3\r\n$4\r\nECHO\r\n$1\r\na\r\n", PING]
    yield "nested arrays", ["*1\r\n*1\r\n*1\r\n*1\r\n$4\r\nPING\r\n"]
    yield "a request in an error", ["*1\r\n-", PING]
    for top in (
        ":5",
        "+PING",
        "-ERR x",
        "_",
        "#t",
        ",1.5",
        "(123",
        "$4\r\nPING",
        "$-1",
        "%0",
        "~0",
        ">0",
        "~1\r\n$4\r\nPING",
    ):
        yield f"{top!r} at top level", [f"{top}\r\n"]


def _lines() -> Iterator[tuple[str, list[Part]]]:
    for line in INLINE:
        yield f"line {line!r}", [f"{line}\r\n"]
    for end in ("\n", "\r\r\n", "\n\r\n", "\r", "\n\n\n", ""):
        yield f"line ends in {end!r}", [f"PING{end}"]
    for empty in ("\r\n", "\n", "\r", " \r\n", "\t\n", "\x0b\n", "\r\r\n", "\r\n\r\n\r\n", "\x00\r\n", "  "):
        yield f"empty line {empty!r}", [empty]
    yield "a line over 64 KiB without an end", [["x", 200_000]]
    yield "a line over 64 KiB of NUL", [["\x00", 200_000]]
    yield "a line of 60,000 bytes", ["ECHO ", ["x", 60_000], "\r\n"]
    yield "many words", ["PING", [" x", 2_000], "\r\n"]
    yield "an open quote over 64 KiB", ['ECHO "', ["x", 200_000]]
    yield "TLS says hello", ["\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n"]
    yield "an HTTP request", ["GET / HTTP/1.1\r\nUser-Agent: x\r\nHost: y\r\n\r\n"]
    yield "an answer is lost before POST", [PING, "ECHO a\r\n", "POST\r\n"]
    yield "POST as an array", ["*1\r\n$4\r\nPOST\r\n"]
    yield "host: as an array", ["*2\r\n$5\r\nhost:\r\n$1\r\nx\r\n"]
    yield "QUIT before garbage", ["QUIT\r\n*x\r\n"]
    yield "garbage behind garbage", ["*x\r\n*y\r\n:5\r\n"]
    yield "an array and a line by turns", [PING, "PING a\n", PING, "PING b\r\n", PING]


def _locked() -> Iterator[tuple[str, list[Part]]]:
    """Before authentication: ten arguments of 16 KiB, decided on the header."""
    for count in (1, 10, 11, 1000, 2147483647, 2147483648, -1, 0):
        yield f"count {count}", [f"*{count}\r\n"]
        yield f"count {count}, and an argument", [f"*{count}\r\n$4\r\nPING\r\n"]
        yield f"AUTH, then count {count}", [AUTH, f"*{count}\r\n$4\r\nPING\r\n"]
    for length in (16384, 16385, 536870912, 536870913, -1):
        yield f"length {length}", [f"*2\r\n$4\r\nAUTH\r\n${length}\r\n"]
        yield f"length {length} of a name", [f"*1\r\n${length}\r\n"]
        yield f"AUTH, then length {length}", [AUTH, f"*1\r\n${length}\r\n"]
    yield "ten arguments", ["*10\r\n", ["$4\r\nPING\r\n", 10]]
    yield "an argument of 16 KiB", ["*2\r\n$4\r\nAUTH\r\n$16384\r\n", ["x", 16384], "\r\n"]
    yield "AUTH, then eleven arguments", [AUTH, "*11\r\n", ["$4\r\nPING\r\n", 11]]
    yield "AUTH, then 20,000 bytes", [AUTH, ECHO, "$20000\r\n", ["x", 20_000], "\r\n"]
    yield "a wrong password, then eleven arguments", ["AUTH x\r\n*11\r\n"]
    yield "a wrong password, then the right one", ["AUTH x\r\n", AUTH, PING]
    yield "HELLO with AUTH, then eleven arguments", [f'HELLO 2 AUTH default {PASSWORD} SETNAME "a\r\n']
    yield "HELLO without AUTH", ["HELLO 3\r\n"]
    yield "AUTH by RESP3 map", [f"%1\r\n$4\r\nAUTH\r\n$6\r\n{PASSWORD}\r\n"]
    yield "a line of 11 words", ["PING", [" x", 11], "\r\n"]
    yield "a line of 20,000 bytes", ["PING ", ["x", 20_000], "\r\n"]
    yield "a line over 64 KiB", [["x", 200_000]]
    yield "unknown command", ["nosuch\r\n"]
    yield "wrong arity", ["AUTH\r\n"]
    yield "POST", ["POST / HTTP/1.1\r\n"]
    yield "Host:", ["Host: x\r\n"]
    yield "QUIT", ["QUIT\r\n"]
    yield "pings", [[PING, 5]]
    yield "AUTH, then pings", [AUTH, [PING, 20]]
    yield "expected '$'", ["*2\r\n$4\r\nAUTH\r\n:5\r\n"]
    yield "unbalanced quotes", ['AUTH "x\r\n']


FAMILIES = {"open": (_counts, _lengths, _arguments, _lines), "locked": (_locked,)}


def cases() -> Iterator[dict[str, object]]:
    """Every case: its name, whether the server wants a password, and what is sent."""
    for door, families in FAMILIES.items():
        for family in families:
            for name, sent in family():
                yield {"name": f"{family.__name__.strip('_')}: {name}", "door": door, "send": sent}


def assemble(parts: list[Part]) -> bytes:
    """The bytes that a list of texts and repetitions stands for."""
    return "".join(p if isinstance(p, str) else str(p[0]) * int(p[1]) for p in parts).encode("latin-1")


def abbreviate(data: bytes) -> list[Part]:
    """The list of texts and repetitions for some bytes; `assemble` is the inverse."""
    stretches = re.finditer(r"(.)\1{99,}|(?:(?!(.)\2{99}).)+", data.decode("latin-1"), re.DOTALL)
    return [[found[1], len(found[0])] if found[1] else found[0] for found in stretches]


class Recorder:
    """One reference server and a second connection that tells when it has done its work."""

    def __init__(self, directory: Path, password: str | None = None) -> None:
        directory.mkdir()
        self.server = start_redis(directory)
        self.clockwork = self.server.connect()
        if password is not None:
            self._turn(f"CONFIG SET requirepass {password}\r\n".encode(), b"+OK\r\n")

    def stop(self) -> None:
        self.clockwork.close()
        self.server.stop()

    def _turn(self, request: bytes, reply: bytes) -> None:
        self.clockwork.sendall(request)
        if (got := self.clockwork.recv(len(reply))) != reply:
            raise RuntimeError(f"{got!r} instead of {reply!r}")

    def outcome(self, data: bytes) -> dict[str, object]:
        """What comes back for `data`, and whether the connection is open or closed then."""
        with self.server.connect() as connection:
            with contextlib.suppress(OSError):  # closed while we send; what came back is there all the same
                connection.sendall(data)
            for _ in range(SETTLED_TURNS + 2 * len(data) // READ_BYTES):
                self._turn(b"PING\r\n", b"+PONG\r\n")
            reply, is_open = _drain(connection)
        return {"reply": abbreviate(reply), "then": "open" if is_open else "closed"}


def _drain(connection: socket.socket) -> tuple[bytes, bool]:
    connection.setblocking(False)
    received = b""
    try:
        while piece := connection.recv(1 << 16):
            received += piece
    except BlockingIOError:
        return received, True
    except ConnectionResetError:
        pass
    return received, False


def record(directory: Path) -> Iterator[dict[str, object]]:
    """Every case with its outcomes."""
    recorders = {"open": Recorder(directory / "open")}
    recorders["locked"] = Recorder(directory / "locked", PASSWORD)
    try:
        for case in cases():
            recorder = recorders[str(case["door"])]
            data = assemble(case["send"])  # type: ignore[arg-type]
            case["alone"] = recorder.outcome(data)
            case["behind"] = recorder.outcome(FRONTS[str(case["door"])].encode() + data)
            case["before"] = recorder.outcome(data + BACK.encode())
            yield case
    finally:
        for recorder in recorders.values():
            recorder.stop()


def main() -> None:
    """Write the table."""
    with tempfile.TemporaryDirectory() as directory:
        lines = [json.dumps(case) for case in record(Path(directory))]
    TABLE.write_text("\n".join(lines) + "\n")
    print(f"{len(lines)} cases written to {TABLE}")


if __name__ == "__main__":
    main()
