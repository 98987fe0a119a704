"""DEBUG: for tests. `enable-debug-command` decides who may use it; the gate is in `tables`.

Numbers are read as C's atoi and strtod read them, like in redis-server: words that are none count
as 0. JMAP and STRINGMATCH-LEN, which older servers had, are unknown to 8.2.3 and here. So is here what is
about mechanisms that respq does not have: reply buffers, plain nodes of quicklists, hash tables.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from respq import fingerprint
from respq.accesses import IDLE_SPAN_S, idle_s
from respq.clock import sleep
from respq.command import ADMIN, LOADING, NOSCRIPT, STALE, SYSCMD, Argv, Client, command
from respq.commands.arguments import parse_non_negative
from respq.commands.generic import encoding_of
from respq.commands.help import help_reply
from respq.commands.strings import check_length
from respq.datatypes.strings import StringValue
from respq.errors import ONE_LINE, CommandError, no_such_key, shown
from respq.protocol.resp import OK, array, bulk, integer, simple
from respq.rdb.encoding import write_value
from respq.rdb.strings import write_compressed, write_plain
from respq.words import quoted

MOST_SECONDS = 2**63 / 1_000_000  # microseconds of 64 bits; redis-server does not sleep for longer

_NUMBER = re.compile(rb"\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)


@command("DEBUG", arity=-2, flags=ADMIN | NOSCRIPT | LOADING | STALE | SYSCMD, group="server", since="1.0.0",
         complexity="Depends on subcommand")  # fmt: skip
def debug(c: Client, argv: Argv) -> bytes:
    """Help tests with what no other command can do."""
    act, words = _ACTS.get(argv[1].upper(), (None, 0))
    if act is None or not (len(argv) == words or len(argv) >= -words > 0):
        raise _unknown(argv)
    return act(c, argv)


def _unknown(argv: Argv) -> CommandError:
    return CommandError(
        b"unknown subcommand or wrong number of arguments for '%b'. Try DEBUG HELP." % shown(argv[1][:128])
    )


def _number(word: bytes) -> float:
    found = _NUMBER.match(word)
    return float(found.group()) if found else 0.0


def _sleep(c: Client, argv: Argv) -> bytes:
    seconds = _number(argv[2])
    if 0 < seconds < MOST_SECONDS:
        sleep(seconds)
    return OK


def _set_active_expire(c: Client, argv: Argv) -> bytes:
    c.server.active_expiry = abs(_number(argv[2])) >= 1
    return OK


def _let_scripts_do_all(c: Client, argv: Argv) -> bytes:
    """Let scripts call commands with the flag NOSCRIPT, as far as that has a meaning (`scripttable`)."""
    c.server.scripts_may_all = abs(_number(argv[2])) >= 1
    c.server.script_tables.clear()
    return OK


def _reload(c: Client, argv: Argv) -> bytes:
    options = {word.upper() for word in argv[2:]}
    if not options <= {b"MERGE", b"NOFLUSH", b"NOSAVE"}:
        raise CommandError("DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.")
    c.server.reload_dump(b"NOSAVE" not in options, b"NOFLUSH" not in options, b"MERGE" in options)
    return OK


def _object(c: Client, argv: Argv) -> bytes:
    """One line about a value. `serializedlength` is that in a snapshot."""
    value = c.db.peek(argv[2])
    if value is None:
        raise no_such_key()
    now_s = c.server.clock.second
    idle = idle_s(value, now_s)
    write_string = write_compressed if c.server.config.rdbcompression else write_plain
    return simple(
        b"Value at:0x%x refcount:1 encoding:%b serializedlength:%d lru:%d lru_seconds_idle:%d"
        % (
            id(value),
            encoding_of(c, argv[2], value),
            sum(map(len, write_value(value, write_string)[1])),
            (now_s - idle) % IDLE_SPAN_S,
            idle,
        )
    )


def _listpack(c: Client, argv: Argv) -> bytes:
    """Write what Redis would keep in a listpack into the log."""
    value = c.db.peek(argv[2])
    if value is None:
        raise no_such_key()
    if encoding_of(c, argv[2], value) != b"listpack":
        raise CommandError("Not a listpack encoded object.")
    for words in value.rebuild(argv[2]):
        c.server.log("notice", f"DEBUG LISTPACK: {b' '.join(map(quoted, words)).decode()}")
    return simple(b"Listpack structure printed on stdout")


# -- data ------------------------------------------------------------------------------------------


def _digest(c: Client, argv: Argv) -> bytes:
    return simple(fingerprint.of_databases(c.server.databases).hex().encode())


def _digest_value(c: Client, argv: Argv) -> bytes:
    values = [c.db.peek(key) for key in argv[2:]]
    digests = [fingerprint.NOTHING if value is None else fingerprint.of_value(value) for value in values]
    return array([simple(digest.hex().encode()) for digest in digests])


def _load_log(c: Client, argv: Argv) -> bytes:
    c.server.reload_log()
    return OK


def _populate(c: Client, argv: Argv) -> bytes:
    """Create strings under missing keys: `key:0` with `value:0` and so on, cut or filled to a size."""
    if len(argv) > 5:
        raise _unknown(argv)
    count = parse_non_negative(argv[2])
    prefix = argv[3] if len(argv) > 3 else b"key"
    size = parse_non_negative(argv[4]) if len(argv) > 4 else 0
    check_length(c, size)
    for number in range(count):
        key, data = b"%b:%d" % (prefix, number), b"value:%d" % number
        if c.db.get(key) is None:
            data = data[:size].ljust(size, b"\0") if size else data
            c.db.put(key, StringValue(data))
            c.effects.append((c.db, key, None, [b"SET", key, data]))
    return OK


# -- the protocol ----------------------------------------------------------------------------------


def _error(c: Client, argv: Argv) -> bytes:
    return b"-%b\r\n" % argv[2].translate(ONE_LINE)


def _log(c: Client, argv: Argv) -> bytes:
    c.server.log("warning", f"DEBUG LOG: {shown(argv[2]).decode(errors='replace')}")
    return OK


def _protocol(c: Client, argv: Argv) -> bytes:
    """A reply of a certain type."""
    sample = _SAMPLES.get(argv[2].lower())
    if sample is None:
        raise CommandError(
            "Wrong protocol type name. Please use one of the following: "
            "string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false"
        )
    return sample(c)


def _sample_attribute(c: Client) -> bytes:
    attribute = b"|1\r\n$14\r\nkey-popularity\r\n" + array([bulk(b"key:123"), integer(90)])
    return (attribute if c.enc.version == 3 else b"") + bulk(b"Some real reply following the attribute")


def _sample_push(c: Client) -> bytes:
    if c.enc.version == 2:
        raise CommandError("RESP2 is not supported by this command")
    c.server.defer(c, c.enc.push([bulk(b"server-cpu-usage"), integer(42)]))
    return bulk(b"Some real reply following the push reply")


_NUMBERS = [integer(number) for number in range(3)]
_SAMPLES: dict[bytes, Callable[[Client], bytes]] = {
    b"string": lambda c: bulk(b"Hello World"),
    b"integer": lambda c: integer(12345),
    b"double": lambda c: c.enc.double(3.141),
    b"null": lambda c: c.enc.null,
    b"array": lambda c: array(_NUMBERS),
    b"set": lambda c: c.enc.set(_NUMBERS),
    b"map": lambda c: c.enc.map([(number, c.enc.boolean(at == 1)) for at, number in enumerate(_NUMBERS)]),
    b"attrib": _sample_attribute,
    b"push": _sample_push,
    b"verbatim": lambda c: c.enc.verbatim(b"This is a verbatim\nstring"),
    b"true": lambda c: c.enc.boolean(True),
    b"false": lambda c: c.enc.boolean(False),
    b"bignum": lambda c: c.enc.big_number(b"1234567999999999999999999999999999999"),
}


# -- and -------------------------------------------------------------------------------------------


def _change_replication_id(c: Client, argv: Argv) -> bytes:
    c.server.replication_id = f"{c.server.rng.getrandbits(160):040x}"
    return OK


def _help(c: Client, argv: Argv) -> bytes:
    return help_reply("DEBUG", """
        CHANGE-REPL-ID
            Choose another replication ID.
        DIGEST
            Show a fingerprint of all data.
        DIGEST-VALUE <key> [<key> ...]
            Show a fingerprint of each value.
        ERROR <string>
            Answer <string> as an error.
        LISTPACK <key>
            Write what the listpack of <key> holds into the log.
        LOADAOF
            Write the log, forget everything and load the log.
        LOG <message>
            Write <message> into the server's log.
        OBJECT <key>
            Show how the value of <key> is represented.
        POPULATE <count> [<prefix>] [<size>]
            Create <count> strings of <size> bytes under <prefix>:0 and so on.
        PROTOCOL <type>
            Answer with a value of <type>: string, integer, double, bignum, null, array, set, map,
            attrib, push, verbatim, true, false.
        RELOAD [MERGE] [NOFLUSH] [NOSAVE]
            Write a snapshot, forget everything and load it; or do without some of that.
        SET-ACTIVE-EXPIRE <0|1>
            Leave (0) or delete (1, the default) expired keys that nobody asks for.
        SET-DISABLE-DENY-SCRIPTS <0|1>
            Let scripts call (1) what is not for scripts, or not (0, the default); but for what is about a
            connection or about scripts.
        SLEEP <seconds>
            Stop the server for <seconds>, which may be a fraction.
        """)  # fmt: skip


_ACTS = {  # and how many words the command has then; negative: at least
    b"CHANGE-REPL-ID": (_change_replication_id, 2),
    b"DIGEST": (_digest, 2),
    b"DIGEST-VALUE": (_digest_value, -2),
    b"ERROR": (_error, 3),
    b"LISTPACK": (_listpack, 3),
    b"LOADAOF": (_load_log, -2),
    b"LOG": (_log, 3),
    b"POPULATE": (_populate, -3),
    b"PROTOCOL": (_protocol, 3),
    b"RELOAD": (_reload, -2),
    b"SLEEP": (_sleep, 3),
    b"SET-ACTIVE-EXPIRE": (_set_active_expire, 3),
    b"SET-DISABLE-DENY-SCRIPTS": (_let_scripts_do_all, 3),
    b"OBJECT": (_object, 3),
    b"HELP": (_help, 2),
}
