"""Streams: XCFGSET and XIDMPRECORD, which belong to XADD's IDMP and IDMPAUTO.

redis-server 8.2.3 knows neither, so the log has them as annotations (`protocol.annotations`). Source: the
documentation of Redis 8.6 to 8.10.
"""

from __future__ import annotations

from respq.command import DENYOOM, FAST, WRITE, Argv, Client, command, key
from respq.commands.arguments import Options, parse_int
from respq.commands.streams import parse_id
from respq.datatypes.idempotency import Settings
from respq.datatypes.streams import StreamValue
from respq.errors import CommandError, no_such_key, syntax_error
from respq.protocol.annotations import Annotation
from respq.protocol.resp import OK

UPDATE = (key(1, "RW update"),)
LONGEST_S = 86_400
MOST_MESSAGES = 10_000


def _find(c: Client, name: bytes) -> StreamValue:
    stream = c.db.find(name, StreamValue)
    if stream is None:
        raise no_such_key()
    return stream


@command("XCFGSET", arity=-2, flags=WRITE | FAST, keys=UPDATE, group="stream", since="8.6.0",
         syntax="key [IDMP-DURATION seconds] [IDMP-MAXSIZE messages]")  # fmt: skip
def xcfgset(c: Client, argv: Argv) -> bytes:
    """Set how long and for how many messages a stream remembers each producer; a change forgets all."""
    stream = _find(c, argv[1])
    is_new = stream.idempotency is None
    duration_s, maxsize = settings = stream.idempotent_settings()
    counters = {b"IIDS-ADDED": 0, b"IIDS-DUPLICATES": 0} if c.server.loading else {}
    if len(argv) == 2:
        raise syntax_error()
    for option in (options := Options(argv, 2)):
        if option == b"IDMP-DURATION":
            duration_s = parse_int(options.value())
        elif option == b"IDMP-MAXSIZE":
            maxsize = parse_int(options.value())
        elif option in counters:  # of a rewritten log
            counters[option] = parse_int(options.value())
        else:
            raise syntax_error()
    if not 1 <= duration_s <= LONGEST_S:
        raise CommandError(f"IDMP-DURATION must be between 1 and {LONGEST_S} seconds")
    if not 1 <= maxsize <= MOST_MESSAGES:
        raise CommandError(f"IDMP-MAXSIZE must be between 1 and {MOST_MESSAGES} entries")
    idempotency, wanted = stream.idempotent(), Settings(duration_s, maxsize)
    idempotency.configure(wanted)
    idempotency.added += counters.get(b"IIDS-ADDED", 0)
    idempotency.duplicates += counters.get(b"IIDS-DUPLICATES", 0)
    if wanted != settings or is_new:
        c.effects.append((c.db, None, None, Annotation(argv)))
    return OK


@command("XIDMPRECORD", arity=5, flags=WRITE | DENYOOM | FAST, keys=UPDATE, group="stream", since="8.6.2",
         syntax="key producer-id idempotent-id id")  # fmt: skip
def xidmprecord(c: Client, argv: Argv) -> bytes:
    """Remember which entry a message of a producer became, as the log does."""
    _, name, producer, message, word = argv
    stream = _find(c, name)
    if not producer:
        raise CommandError("XIDMPRECORD requires a non-empty producer ID")
    if not message:
        raise CommandError("XIDMPRECORD requires a non-empty idempotent ID")
    entry_id, now_ms = parse_id(word), c.server.clock.now_ms
    if not c.server.loading and stream.get(entry_id) is None:  # the log has entries that are gone by now
        raise CommandError("The specified stream ID was deleted or doesn't exist")
    idempotency = stream.idempotent()
    known = idempotency.find(producer, message, now_ms)
    if c.server.loading:  # it stands for an XADD, which may have come when an older message had ended
        if known == entry_id:
            idempotency.duplicates += 1
        else:
            idempotency.remember(producer, message, entry_id, now_ms)
            idempotency.added += 1
        return OK
    if known is None:
        idempotency.remember(producer, message, entry_id, now_ms)
        c.effects.append((c.db, None, None, Annotation(argv)))
    elif known != entry_id:
        raise CommandError("The specified IDMP producer-id/idempotent-id pair maps to a different stream ID")
    return OK
