"""What the memory in use is made of, for INFO and MEMORY.

What the process had before there were data, and what clients and the log have waiting, is overhead, and so
are the dicts and arrays of the keyspace; the rest is the data set.
"""

from __future__ import annotations

from sys import getsizeof
from typing import NamedTuple

from respq import process
from respq.keyspace import Database
from respq.state import Server


class Usage(NamedTuple):
    """Bytes, of the whole process."""

    used: int
    resident: int
    peak: int
    startup: int
    client_buffers: int
    log_buffer: int
    keyspace: int  # dicts and arrays of the databases
    machine: int

    @property
    def overhead(self) -> int:
        """What is no data."""
        return min(self.used, self.startup + self.client_buffers + self.log_buffer + self.keyspace)

    @property
    def dataset(self) -> int:
        """What is."""
        return self.used - self.overhead

    @property
    def dataset_percent(self) -> float:
        """How much of what has been used since the start is data."""
        return min(100.0, 100 * self.dataset / max(1, self.used - self.startup))

    @property
    def fragmentation(self) -> float:
        """What is resident by what is used."""
        return self.resident / max(1, self.used)


def usage_of(server: Server) -> Usage:
    """As it is now. O(clients + databases), and one measurement."""
    used, resident = server.gauge.used_bytes(), process.resident_bytes()
    return Usage(
        used=used,
        resident=resident,
        peak=max(used, resident, process.peak_bytes()),  # which the system brings up to date now and then
        startup=min(used, server.gauge.startup_bytes),  # some of which may have been freed since
        client_buffers=sum(map(sum, buffers_of(server))),
        log_buffer=0 if server.aof is None else server.aof.writer.buffered,
        keyspace=sum(index_bytes(db) + deadline_bytes(db) for db in server.databases),
        machine=process.machine_bytes(),
    )


def buffers_of(server: Server) -> tuple[list[int], list[int]]:
    """Per client the bytes that came and are no complete argument yet or wait, and those not sent yet."""
    clients = server.clients.values()
    return (
        [client.reader.unread + len(client.held) for client in clients],
        [client.transport.output_bytes() for client in clients],
    )


def index_bytes(db: Database) -> int:
    """The dict and the array of keys."""
    return getsizeof(db.values) + getsizeof(db.keys)


def deadline_bytes(db: Database) -> int:
    """What keeps the expiries of keys."""
    return db.deadlines.size_bytes()


class Scripts(NamedTuple):
    """Bytes that scripts and functions take, and how many scripts there are."""

    lua: int
    kept: int  # texts in the cache
    functions_lua: int
    functions_kept: int
    cached: int


def scripts_of(server: Server) -> Scripts:
    """As it is now. O(scripts)."""
    host, libraries = server.scripts, server.libraries
    return Scripts(
        lua=0 if host is None else host.runtime.memory_used(),
        kept=0 if host is None else sum(len(script.body) for script in host.scripts.values()),
        functions_lua=libraries.memory_used,
        functions_kept=sum(len(library.code) for library in libraries.catalogue.libraries.values()),
        cached=0 if host is None else len(host.scripts),
    )
