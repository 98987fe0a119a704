"""DEBUG: for tests. `enable-debug-command` decides who may use it; the gate is in `tables`.

Numbers are read as C's atoi and strtod read them, like in redis-server: words that are none count
as 0. JMAP and STRINGMATCH-LEN, which older servers had, are unknown to 8.2.3 and here.
"""

from __future__ import annotations

import re

from respq.accesses import IDLE_SPAN_S, idle_s
from respq.clock import sleep
from respq.command import ADMIN, LOADING, NOSCRIPT, STALE, Argv, Client, command
from respq.commands.generic import encoding_of
from respq.commands.help import help_reply
from respq.errors import CommandError, no_such_key, shown
from respq.protocol.resp import OK, simple
from respq.rdb.encoding import write_value
from respq.rdb.strings import write_compressed, write_plain

_NUMBER = re.compile(rb"\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)


@command("DEBUG", arity=-2, flags=ADMIN | NOSCRIPT | LOADING | STALE, group="server", since="1.0.0",
         complexity="Depends on subcommand")  # fmt: skip
def debug(c: Client, argv: Argv) -> bytes:
    """Help tests with what no other command can do."""
    act, words = _ACTS.get(argv[1].upper(), (None, 0))
    if act is None or not (len(argv) == words or len(argv) >= -words > 0):
        raise CommandError(
            b"unknown subcommand or wrong number of arguments for '%b'. Try DEBUG HELP."
            % shown(argv[1][:128])
        )
    return act(c, argv)


def _number(word: bytes) -> float:
    found = _NUMBER.match(word)
    return float(found.group()) if found else 0.0


def _sleep(c: Client, argv: Argv) -> bytes:
    sleep(max(0.0, _number(argv[2])))
    return OK


def _set_active_expire(c: Client, argv: Argv) -> bytes:
    c.server.active_expiry = int(_number(argv[2])) != 0
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


def _help(c: Client, argv: Argv) -> bytes:
    return help_reply("DEBUG", """
        OBJECT <key>
            Show how the value of <key> is represented.
        RELOAD [MERGE] [NOFLUSH] [NOSAVE]
            Write a snapshot, forget everything and load it; or do without some of that.
        SET-ACTIVE-EXPIRE <0|1>
            Leave (0) or delete (1, the default) expired keys that nobody asks for.
        SLEEP <seconds>
            Stop the server for <seconds>, which may be a fraction.
        """)  # fmt: skip


_ACTS = {  # and how many words the command has then; negative: at least
    b"RELOAD": (_reload, -2),
    b"SLEEP": (_sleep, 3),
    b"SET-ACTIVE-EXPIRE": (_set_active_expire, 3),
    b"OBJECT": (_object, 3),
    b"HELP": (_help, 2),
}
