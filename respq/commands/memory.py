"""MEMORY: what memory is used for, and giving back what is not.

The numbers are those of the process (`gauge`, `usage`). Those of jemalloc are told for the allocators that
there are: what is in use, and what is resident.
"""

from __future__ import annotations

from collections.abc import Iterator

from respq.allocator import allocator, blocks_in_use
from respq.command import LOADING, READONLY, STALE, Argv, Client, command, container, key
from respq.commands.arguments import parse_int
from respq.commands.help import help_reply
from respq.errors import syntax_error
from respq.keysizes import SAMPLES, memory_bytes
from respq.protocol.resp import OK, bulk, integer
from respq.state import Server
from respq.usage import Usage, deadline_bytes, index_bytes, scripts_of, usage_of

EVERY_NODE = ("request_policy:all_shards", "response_policy:special")
LITTLE_BYTES = 5 << 20  # above what the server starts with, below which nothing is a problem
MUCH_CLIENT_BYTES = 200_000  # that wait for a client, on average
GONE = 1.5  # how many times more was used once
FRAGMENTED = 1.4  # resident by used
MANY_SCRIPTS = 1000

container("MEMORY", group="server", since="4.0.0", summary="Commands about memory")


@command("MEMORY|USAGE", arity=-3, flags=READONLY, keys=(key(2, "RO"),), group="server", since="4.0.0",
         syntax="key [SAMPLES count]", complexity="O(N) where N is the number of samples")  # fmt: skip
def memory_usage(c: Client, argv: Argv) -> bytes:
    """Estimate the memory that a key and its value take, in bytes, from so many samples of its elements."""
    samples = SAMPLES
    for at in range(3, len(argv), 2):
        if argv[at].upper() != b"SAMPLES" or at + 1 == len(argv):
            raise syntax_error()
        samples = parse_int(argv[at + 1])
        if samples < 0:
            raise syntax_error()
    value = c.db.peek(argv[2])
    if value is None:
        return c.enc.null
    return integer(memory_bytes(argv[2], value, samples))


@command("MEMORY|STATS", arity=2, group="server", since="4.0.0",
         tips=("nondeterministic_output", *EVERY_NODE), complexity="O(N) for N connections")  # fmt: skip
def memory_stats(c: Client, argv: Argv) -> bytes:
    """Tell what the memory in use is used for, in bytes."""
    pairs = []
    for name, number in _stats(c.server, usage_of(c.server)):
        if isinstance(number, dict):
            reply = c.enc.map([(bulk(field.encode()), integer(count)) for field, count in number.items()])
        else:
            reply = integer(number) if isinstance(number, int) else c.enc.double(number)
        pairs.append((bulk(name.encode()), reply))
    return c.enc.map(pairs)


def _stats(server: Server, usage: Usage) -> Iterator[tuple[str, int | float | dict[str, int]]]:
    """The fields of MEMORY STATS in their order."""
    scripts, keys = scripts_of(server), sum(map(len, server.databases))
    yield "peak.allocated", usage.peak
    yield "total.allocated", usage.used
    yield "startup.allocated", usage.startup
    yield "replication.backlog", 0
    yield "replica.fullsync.buffer", 0
    yield "clients.slaves", 0
    yield "clients.normal", usage.client_buffers
    yield "cluster.links", 0
    yield "aof.buffer", usage.log_buffer
    yield "lua.caches", scripts.kept
    yield "functions.caches", scripts.functions_kept
    yield "script.VMs", scripts.lua + scripts.functions_lua
    for db in server.databases:
        if len(db):
            yield (
                f"db.{db.index}",
                {
                    "overhead.hashtable.main": index_bytes(db),
                    "overhead.hashtable.expires": deadline_bytes(db),
                },
            )
    yield "overhead.db.hashtable.lut", usage.keyspace
    yield "overhead.db.hashtable.rehashing", 0
    yield "overhead.total", usage.overhead
    yield "db.dict.rehashing.count", 0
    yield "keys.count", keys
    yield "keys.bytes-per-key", (usage.used - usage.startup) // keys if keys else 0
    yield "dataset.bytes", usage.dataset
    yield "dataset.percentage", usage.dataset_percent
    yield "peak.percentage", 100 * usage.used / usage.peak
    yield "allocator.allocated", usage.used
    yield "allocator.active", usage.resident
    yield "allocator.resident", usage.resident
    yield "allocator.muzzy", 0
    yield "allocator-fragmentation.ratio", usage.fragmentation
    yield "allocator-fragmentation.bytes", usage.resident - usage.used
    yield "allocator-rss.ratio", 1.0
    yield "allocator-rss.bytes", 0
    yield "rss-overhead.ratio", 1.0
    yield "rss-overhead.bytes", 0
    yield "fragmentation", usage.fragmentation
    yield "fragmentation.bytes", usage.resident - usage.used


@command("MEMORY|DOCTOR", arity=2, group="server", since="4.0.0",
         tips=("nondeterministic_output", *EVERY_NODE), complexity="O(N) for N connections")  # fmt: skip
def memory_doctor(c: Client, argv: Argv) -> bytes:
    """Tell what is unusual about the memory in use, for people."""
    usage = usage_of(c.server)
    if usage.used - usage.startup < LITTLE_BYTES:
        return c.enc.verbatim(b"There is little data so far, about which nothing can be said.\n")
    found = list(_findings(c.server, usage))
    text = "\n".join(f"* {finding}" for finding in found) or "Nothing is unusual about the memory in use."
    return c.enc.verbatim(f"{text}\n".encode())


def _findings(server: Server, usage: Usage) -> Iterator[str]:
    if usage.peak > GONE * usage.used:
        yield (
            f"Peak: there were {usage.peak} bytes once, and are {usage.used} now. What is resident beyond "
            f"that ({usage.resident - usage.used} bytes) is taken first when data grow."
        )
    if usage.fragmentation > FRAGMENTED:
        yield (
            f"Fragmentation: {usage.resident} bytes are resident for {usage.used} in use. MEMORY PURGE gives "
            "back what malloc can; the rest lies between data, and comes back when these are replaced."
        )
    clients = max(1, len(server.clients))
    if usage.client_buffers / clients > MUCH_CLIENT_BYTES:
        yield (
            f"Client buffers: {usage.client_buffers} bytes wait to be read or sent, for {clients} clients. "
            "CLIENT LIST shows whose; client-output-buffer-limit and maxmemory-clients bound them."
        )
    if scripts_of(server).cached > MANY_SCRIPTS:
        yield (
            "Scripts: there are more than a thousand in the cache. Scripts that differ only in what should "
            "be their arguments take memory for each."
        )


@command("MEMORY|PURGE", arity=2, group="server", since="4.0.0",
         tips=("request_policy:all_shards", "response_policy:all_succeeded"),
         complexity="O(N) for N bytes that malloc has to spare")  # fmt: skip
def memory_purge(c: Client, argv: Argv) -> bytes:
    """Give memory that malloc has to spare back to the system: 0.1 ms per MiB."""
    allocator().give_back()
    return OK


@command("MEMORY|MALLOC-STATS", arity=2, group="server", since="4.0.0",
         tips=("nondeterministic_output", *EVERY_NODE), complexity="O(N) for N free pieces")  # fmt: skip
def memory_malloc_stats(c: Client, argv: Argv) -> bytes:
    """Tell what malloc and CPython's allocator say of themselves, for people."""
    (given_out, spare), usage = allocator().used_and_spare(), usage_of(c.server)
    lines = (
        f"resident: {usage.resident}",
        f"in use: {usage.used}",
        f"malloc, given out: {given_out}",
        f"malloc, to spare: {spare}",
        f"CPython, blocks of up to 512 bytes: {blocks_in_use()}",
    )
    return c.enc.verbatim("".join([f"{line}\n" for line in lines]).encode())


@command("MEMORY|HELP", arity=2, flags=LOADING | STALE, group="server", since="4.0.0")
def memory_help(c: Client, argv: Argv) -> bytes:
    """List the forms of MEMORY."""
    return help_reply("MEMORY", """
        DOCTOR
            Tell what is unusual about the memory in use.
        MALLOC-STATS
            Tell what the allocators say of themselves.
        PURGE
            Give memory that is free back to the system.
        STATS
            Tell what the memory in use is used for.
        USAGE <key> [SAMPLES <count>]
            Estimate the bytes that <key> and its value take, from <count> of its elements
            (5 unless told; 0: all of them).
        """)  # fmt: skip
