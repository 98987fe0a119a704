"""Damaged payloads, snapshots and logs, read within limits of memory and time.

    python -m tests.fuzz.reading payloads|snapshots|logs FIRST COUNT

reads one damaged thing for each of COUNT seeds. Each is read to its end or refused in the words that are
meant for that; what is read is used. The process ends with status 1 and names the seed at the first that is
not: a traceback, more than MEMORY_BYTES on top of what it began with, more than CPU_S of processor time.
"""

from __future__ import annotations

import logging
import re
import resource
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random

from compat.rdb.data import commands
from respq.effects import check
from respq.effects.files import AofError
from respq.persistence import Persistence
from respq.rdb import payload
from respq.rdb.strings import write_compressed, write_plain
from tests.conftest import BASE, INCREMENT, START_MS, Kept, Peer, Workbench
from tests.effects.disk import Disk
from tests.fuzz.damage import damaged
from tests.rdb.samples import values
from tests.rdb.test_packed import ZIPLIST_WORDS, ziplist, zipmap
from tests.rdb.test_payload import sealed

MEMORY_BYTES = 256 << 20
CPU_S = 10.0
REUSES = 100  # of an engine
MOST_BYTES = 3000  # of what is damaged: longer things are the same again and again
DUMP, MANIFEST = Path("/data/dump.rdb"), INCREMENT.with_name("appendonly.aof.manifest")
REFUSED = b"-ERR Bad data format\r\n"
LIBRARY = "#!lua name=l\nredis.register_function('f', function() return 1 end)"

# What is done with a value that has come out of a payload, by type.
USES = {
    b"string": ("GET k", "APPEND k x", "STRLEN k", "GETRANGE k 0 -1"),
    b"list": ("LRANGE k 0 -1", "LINDEX k 1", "LPUSH k x", "RPOP k", "LREM k 0 a", "LLEN k"),
    b"set": ("SMEMBERS k", "SADD k x 5", "SREM k a", "SPOP k", "SCARD k", "SSCAN k 0"),
    b"zset": ("ZRANGE k 0 -1 WITHSCORES", "ZADD k 1 x", "ZRANK k a", "ZPOPMIN k", "ZSCAN k 0", "ZCARD k"),
    b"hash": ("HGETALL k", "HSET k x y", "HDEL k a", "HSCAN k 0", "HLEN k", "HPEXPIRE k 9 FIELDS 1 x"),
    b"stream": (
        "XRANGE k - +", "XINFO STREAM k FULL COUNT 0", "XADD k * a b", "XREADGROUP GROUP g c STREAMS k >",
        "XPENDING k g", "XTRIM k MAXLEN 3", "XLEN k", "XAUTOCLAIM k g c 0 0",
    ),
}  # fmt: skip


class WrongError(Exception):
    """Neither read nor refused as is meant."""


def payloads() -> list[bytes]:
    """Payloads of every type and encoding, without their footers."""
    pairs = [b"a", b"1", b"b", b"2.5"]
    nodes = write_plain(ziplist([b"a" * 600, b"1"])) + write_plain(ziplist([b"b"]))
    found = [
        payload.dump(value, write)[:-10] for _, value in values() for write in (write_plain, write_compressed)
    ]
    found += [
        b"\x01\x02\x01a\xc0\x05", b"\x0a" + write_plain(ziplist(ZIPLIST_WORDS)), b"\x0e\x02" + nodes,
        b"\x03\x03\x01a\x011\x01b\x032.5\x01c\xfe", b"\x0c" + write_plain(ziplist(pairs)),
        b"\x0d" + write_plain(ziplist(pairs)), b"\x09" + write_plain(zipmap(pairs)),
    ]  # fmt: skip
    return sorted({body for body in found if len(body) < MOST_BYTES})


class Payloads:
    """RESTORE of a damaged payload with a sound checksum, and what clients do with the value."""

    def __init__(self) -> None:
        self.bodies = payloads()
        self.engine = Workbench()

    def read(self, rng: Random) -> bool:
        body = damaged(rng.choice(self.bodies), rng, self.bodies)
        peer = self.engine.peer()
        reply = peer.send("RESTORE", "k", 0, sealed(body))
        if reply == REFUSED:
            return False
        if reply != b"+OK\r\n":
            raise WrongError(reply)
        self._use(peer)
        return True

    def _use(self, peer: Peer) -> None:
        kind = peer.send("TYPE", "k").strip(b"+\r\n")
        again = peer.send("DUMP", "k")
        for line in ("OBJECT ENCODING k", "MEMORY USAGE k", "COPY k j", *USES.get(kind, ()), "DEL k j"):
            reply = peer.send(*line.split())
            if b"internal error" in reply or self.engine.broken:
                raise WrongError(line)
        if again != b"$-1\r\n" and not peer.send("RESTORE", "k", 0, bulk(again)).startswith(b"+OK"):
            raise WrongError("its own payload is refused")
        self.engine.server.databases[0].clear()
        self.engine.disconnect(peer.client)


def bulk(reply: bytes) -> bytes:
    return reply[reply.index(b"\r\n") + 2 : -2]


class Starts:
    """A server that starts on a damaged file, one after the other."""

    def __init__(self, appendonly: str) -> None:
        self.appendonly = appendonly
        self.uses = 0

    def start(self, disk: Disk) -> bool:
        if self.uses % REUSES == 0:
            self.engine = Workbench(dir="/data", appendonly=self.appendonly)
            self.engine.server.set_gate = lambda *_: None  # nobody is there to be refused while it loads
        self.uses += 1
        persistence = Persistence(self.engine, disk)
        server = self.engine.server
        try:
            persistence.start(lambda: None)
            for db in server.databases:
                db.check()
                for value in db.values.values():
                    value.check()
        except AofError as error:
            if not re.match(r"/data/\S+: ", str(error)):
                raise WrongError(str(error)) from error
            return False
        finally:
            for db in server.databases:
                db.clear()
            persistence.close()
        return True


def filled(**directives: str) -> Kept:
    """A server with something of everything."""
    kept = Kept(**directives)
    ann = kept.peer()
    ann.send("FUNCTION", "LOAD", LIBRARY)
    for words in commands(since_7_4=True):
        if sum(len(str(word)) for word in words) < MOST_BYTES:
            ann.send(*map(str, words))
    ann.send("PEXPIREAT", "text", START_MS * 2)
    for line in ("MULTI", "SELECT 3", "RPUSH l a b", "EXEC", "SELECT 0"):
        ann.send(*line.split())
    return kept


class Snapshots(Starts):
    """dump.rdb, with a checksum that is sound, or switched off, or wrong."""

    def __init__(self) -> None:
        super().__init__("no")
        kept = filled(appendonly="no")
        for key in [key for key in kept.server.databases[0].values if key.startswith((b"t", b"stream"))]:
            if len(payload.dump(kept.server.databases[0].values[key], write_plain)) > MOST_BYTES:
                kept.peer().send("DEL", key)
        kept.peer().send("SAVE")
        self.whole = kept.disk.get(DUMP)[:-8]

    def read(self, rng: Random) -> bool:
        data = damaged(self.whole, rng, [self.whole])
        footer = (
            payload.crc64(data).to_bytes(8, "little")
            if rng.random() < 0.7
            else rng.choice((bytes(8), b"damaged!"))
        )
        disk = Disk()
        disk.put(DUMP, data + footer)
        return self.start(disk)


class Logs(Starts):
    """The append-only file: its base, its increment or its manifest; and what `respq check` says of it."""

    def __init__(self) -> None:
        super().__init__("yes")
        kept = filled()
        assert kept.persistence.flush(kept.clock.now_ms)
        self.log = kept.disk.get(INCREMENT)
        self.manifest = kept.disk.get(MANIFEST)
        self.base = Snapshots().whole + bytes(8)
        self.parts = [self.log, self.base, self.manifest]

    def read(self, rng: Random) -> bool:
        log, base, listed = self.log, rng.choice((b"", self.base)), self.manifest
        which = rng.randrange(6)
        if which == 0:
            listed = damaged(listed, rng, self.parts)
        elif which == 1:
            base = damaged(base or self.log, rng, self.parts)
        else:
            begin = rng.randrange(len(log))
            begin = log.find(b"\r\n*", begin) + 2 if rng.random() < 0.9 else begin
            log = damaged(log[begin : begin + MOST_BYTES], rng, self.parts)
        disk = Disk()
        for path, data in ((INCREMENT, log), (BASE, base), (MANIFEST, listed)):
            disk.put(path, data)
        self._check(disk.after_kill())
        return self.start(disk)

    def _check(self, disk: Disk) -> None:
        try:
            verdicts, _ = check.check_data(disk, MANIFEST, "appendonly.aof", "dump.rdb", START_MS)
        except AofError:
            return
        for verdict in verdicts:
            if not 0 <= verdict.sound <= verdict.size:
                raise WrongError(str(verdict))


KINDS: dict[str, Callable[[], Payloads | Snapshots | Logs]] = {
    "payloads": Payloads,
    "snapshots": Snapshots,
    "logs": Logs,
}


def limit_memory() -> None:
    """Allow MEMORY_BYTES more than there are now, where the system can say how many that is."""
    status = Path("/proc/self/statm")
    if status.exists():
        size = int(status.read_text().split()[0]) * resource.getpagesize() + MEMORY_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (size, resource.RLIM_INFINITY))


def take_too_long(*_: object) -> None:
    raise WrongError(f"more than {CPU_S} s")


def run(kind: str, seeds: Iterable[int]) -> Counter[bool]:
    """Read one damaged thing for each seed; return how many were read and refused. Raises WrongError."""
    logging.disable()
    subject = KINDS[kind]()
    outcomes: Counter[bool] = Counter()
    signal.signal(signal.SIGVTALRM, take_too_long)
    limit_memory()
    for seed in seeds:
        signal.setitimer(signal.ITIMER_VIRTUAL, CPU_S)
        try:
            outcomes[subject.read(Random(seed))] += 1
        except Exception as error:
            raise WrongError(f"{kind}, seed {seed}: {type(error).__name__}: {error}") from error
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    return outcomes


if __name__ == "__main__":
    found = run(sys.argv[1], range(int(sys.argv[2]), int(sys.argv[2]) + int(sys.argv[3])))
    print(found[True], found[False])
