"""Commands per second and server CPU per command: redis-benchmark, and a client of our own.

redis-benchmark sends one command over and over, which is the bulk form's best case and the usual
way to quote a number. Our client sends payloads and keys that differ, and mixes commands so that no
two neighbours are alike: what is left without runs.
"""

from __future__ import annotations

import csv
import hashlib
import random
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from compat.bench import kombu, publishing, sorted_sets, streams
from compat.bench.client import CONNECTIONS, Batch, batch, connect, drive, exchange, fill, payload
from compat.bench.machine import cpu_seconds
from compat.bench.report import Goal, Measure
from compat.bench.sides import await_rewrite, emptied
from compat.servers import Server

SEED = 20
PIPELINE = 16
PREPARED_BATCHES = 2000  # 32,000 different commands before the client repeats itself
JOB_BYTES = 64
LIST = b"mylist"  # the name redis-benchmark's own tests use
KEYS = 10_000
FIELDS = 100_000

INCREMENT = b"return redis.call('incr', KEYS[1])"
UNLOCK = b"if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end"
ENQUEUE = b"""
local id = redis.call('INCR', KEYS[1])
local job = ARGV[1] .. id
redis.call('HSET', job, 'data', ARGV[2], 'state', 'waiting', 'at', ARGV[3])
if tonumber(ARGV[4]) > 0 then
    redis.call('ZADD', KEYS[3], ARGV[3] + ARGV[4], id)
else
    redis.call('LPUSH', KEYS[2], id)
end
redis.call('LREM', KEYS[2], -1, id)
redis.call('DEL', job)
return id
"""  # as queue libraries have it, and the job is done at once

Prepare = Callable[[Server, int], None]
Run = Callable[[Server, int], float]  # drives this many commands; commands per second


def from_nothing(_server: Server, _commands: int) -> None:
    """No data is needed."""


@dataclass(frozen=True)
class Workload:
    """What is sent, and how long: `share` of a round's commands, as some are slower than others."""

    name: str
    run: Run
    goal: float | None = None
    prepare: Prepare = from_nothing
    share: float = 1.0


def benchmark(*options: str, pipeline: int, clients: int = CONNECTIONS) -> Run:
    """Drive with redis-benchmark."""

    def run(server: Server, commands: int) -> float:
        size = ["-c", str(clients), "-P", str(pipeline), "-n", str(commands)]
        argv = ["redis-benchmark", "-p", str(server.port), "--csv", *size, *options]
        done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=300)
        (row,) = csv.DictReader(done.stdout.splitlines())
        return float(row["rps"])

    return run


def own(make: Callable[[random.Random], Batch]) -> Run:
    """Drive with our client; `make` builds one batch."""

    def run(server: Server, commands: int) -> float:
        rng = random.Random(SEED)
        count = min(PREPARED_BATCHES, max(1, commands // PIPELINE))
        return commands / drive(server, [make(rng) for _ in range(count)], commands)

    return run


def pushes(rng: random.Random) -> Batch:
    return batch((b"LPUSH", LIST, payload(rng, JOB_BYTES)) for _ in range(PIPELINE))


def pops(_: random.Random) -> Batch:
    return batch([(b"RPOP", LIST)] * PIPELINE, 2 * PIPELINE)


def pushes_to_many_lists(rng: random.Random) -> Batch:
    return batch(
        (b"LPUSH", b"list:%d" % rng.randrange(KEYS), payload(rng, rng.randint(10, 200)))
        for _ in range(PIPELINE)
    )


def mixed(rng: random.Random) -> Batch:
    """No command twice in a row: queue work between counters and values."""

    def key() -> bytes:
        return b"%d" % rng.randrange(KEYS)

    one_line = [
        lambda: (b"LPUSH", LIST, payload(rng, rng.randint(10, 200))),
        lambda: (b"INCR", b"count:" + key()),
        lambda: (b"SET", b"value:" + key(), payload(rng, rng.randint(10, 200))),
        lambda: (b"LLEN", LIST),
        lambda: (b"RPUSH", b"other", payload(rng, JOB_BYTES)),
        lambda: (b"EXISTS", b"value:" + key()),
    ]
    two_lines = [
        lambda: (b"RPOP", LIST),
        lambda: (b"LPOP", b"other"),
        lambda: (b"LINDEX", LIST, b"-1"),
    ]
    first, second = rng.choices(one_line, k=PIPELINE // 2), rng.choices(two_lines, k=PIPELINE // 2)
    turns = [make() for pair in zip(first, second, strict=True) for make in pair]
    return batch(turns, len(first) + 2 * len(second))


def transaction(rng: random.Random) -> Batch:
    """What a client's transaction is: one write, one step of a queue with its bookkeeping."""
    steps = [
        (b"MULTI",),
        (b"LPUSH", LIST, payload(rng, JOB_BYTES)),
        (b"INCR", b"count:%d" % rng.randrange(KEYS)),
        (b"LPOP", LIST),
        (b"EXEC",),
    ]
    return batch(steps, 1 + 3 + 1 + 4)  # OK, three times QUEUED, *3, two numbers and a bulk string


def take_and_acknowledge(_: random.Random) -> Batch:
    """A worker's share of a job: take it to the processing list, and remove it there."""
    return batch([(b"LMOVE", LIST, b"processing", b"RIGHT", b"LEFT")], 2)


def with_list(*names: bytes) -> Prepare:
    """Fill lists with enough to pop, in elements like the ones a run pushes."""

    def prepare(server: Server, commands: int) -> None:
        rng = random.Random(SEED)
        each = 100
        jobs = [payload(rng, JOB_BYTES) for _ in range(each)]
        for name in names:
            # A batch of our client may be sent in full beyond `commands` by every connection.
            pushes = (commands + CONNECTIONS * PIPELINE) // each + 1
            fill(server, ((b"RPUSH", name, *jobs) for _ in range(pushes)), width=10)

    return prepare


def with_scripts(server: Server, _commands: int) -> None:
    """Load what EVALSHA names."""
    with connect(server) as peer:
        for script in (INCREMENT, UNLOCK, ENQUEUE):
            exchange(peer, batch([(b"SCRIPT", b"LOAD", script)], 2))


def script(text: bytes, *words: str) -> Run:
    """Drive a script with redis-benchmark."""
    sha = hashlib.sha1(text, usedforsecurity=False).hexdigest()
    return benchmark("-r", str(KEYS), "EVALSHA", sha, *words, pipeline=100)


def workloads() -> Iterator[Workload]:
    size = ("-d", str(JOB_BYTES))
    for pipeline, goal, share in ((1, 0.95, 0.25), (PIPELINE, 1.0, 1.0)):
        for name in ("LPUSH", "RPOP", "RPUSH", "LPOP"):
            run = benchmark("-t", name.lower(), *size, pipeline=pipeline)
            prepare = with_list(LIST) if name.endswith("POP") else from_nothing
            yield Workload(f"{name}, P={pipeline}", run, goal, prepare, share)
    many = ("-r", str(KEYS))
    for name in ("SET", "GET", "INCR"):
        run = benchmark("-t", name.lower(), *size, *many, pipeline=PIPELINE)
        yield Workload(f"{name}, {KEYS:,} keys, P={PIPELINE}", run, 0.75)
    command = ("LPUSH", "list:__rand_int__", f"job {'x' * 44} __rand_int__")
    run = benchmark(*many, *command, pipeline=PIPELINE)
    yield Workload(f"LPUSH, {KEYS:,} lists, P={PIPELINE}", run, 0.75)

    call = script(INCREMENT, "1", "count:__rand_int__")
    yield Workload(f"EVALSHA of one INCR, {KEYS:,} keys, P=100", call, 0.8, with_scripts, 0.5)
    call = script(UNLOCK, "1", "lock:__rand_int__", "token")
    yield Workload(f"EVALSHA releasing one of {KEYS:,} locks, P=100", call, None, with_scripts, 0.5)
    call = script(ENQUEUE, "3", "id", "waiting", "delayed", "job:", "x" * JOB_BYTES, "1732330000", "0")
    yield Workload("EVALSHA of five commands, concatenation, a branch, P=100", call, None, with_scripts, 0.1)
    fields = benchmark("-t", "hset", *size, "-r", str(FIELDS), pipeline=sorted_sets.PIPELINE)
    yield Workload(f"HSET, {FIELDS:,} fields of a hash, P={sorted_sets.PIPELINE}", fields, 0.8)
    job = ("HSET", "job:__rand_int__", "field:__rand_int__", "x" * JOB_BYTES)
    fields = benchmark(*many, *job, pipeline=sorted_sets.PIPELINE)
    yield Workload(f"HSET, {KEYS:,} hashes, P={sorted_sets.PIPELINE}", fields, 0.8)
    members = benchmark("-t", "sadd", "-r", str(FIELDS), pipeline=sorted_sets.PIPELINE)
    yield Workload(f"SADD, {FIELDS:,} members of a set, P={sorted_sets.PIPELINE}", members, 0.8)
    tag = ("SADD", "tags:__rand_int__", "member:__rand_int__")
    members = benchmark(*many, *tag, pipeline=sorted_sets.PIPELINE)
    yield Workload(f"SADD, {KEYS:,} sets, P={sorted_sets.PIPELINE}", members, 0.8)

    ours = f"own client, P={PIPELINE}"
    yield Workload(f"LPUSH, payloads differ, {ours}", own(pushes), 1.0)
    yield Workload(f"RPOP, payloads differ, {ours}", own(pops), 1.0, with_list(LIST))
    yield Workload(f"LPUSH, {KEYS:,} lists, {ours}", own(pushes_to_many_lists), 0.75)
    yield Workload(f"mixed, no runs, {ours}", own(mixed), 0.75, with_list(LIST, b"other"))
    yield Workload("MULTI LPUSH INCR LPOP EXEC, own client", own(transaction), 0.7, share=0.5)
    yield Workload("kombu's mix, recorded", kombu.replay, 0.8, kombu.prepare, 0.5)
    hundred = f"own client, P={sorted_sets.PIPELINE}"
    yield Workload(f"ZADD, whole scores at random, {hundred}", sorted_sets.add_whole, 0.8)
    yield Workload(f"ZADD, fractions at random, {hundred}", sorted_sets.add_fractional, 0.8)
    yield Workload(f"ZADD, growing scores, {hundred}", sorted_sets.add_growing, 1.0)
    yield Workload(f"ZPOPMIN, whole scores, {hundred}", sorted_sets.pop, 0.8, sorted_sets.with_whole)
    yield Workload(f"ZPOPMIN, fractions, {hundred}", sorted_sets.pop, 0.8, sorted_sets.with_fractional)
    hundred = f"to {publishing.SUBSCRIBERS} subscribers, deliveries, {hundred}"
    yield Workload(f"PUBLISH {hundred}", publishing.publish, 0.9, share=5)
    yield Workload(f"PUBLISH {hundred}, RESP3", partial(publishing.publish, resp=3), 0.9, share=5)
    yield Workload(f"PUBLISH {hundred}, a pattern", partial(publishing.publish, pattern=True), 0.9, share=5)
    yield Workload("LMOVE, own client, P=1", own(take_and_acknowledge), None, with_list(LIST), 0.25)
    yield from of_streams()


def of_streams() -> Iterator[Workload]:
    """Numbers are of entries, whatever the number of commands."""
    hundred = f"P={streams.PIPELINE}"
    yield Workload(f"XADD, {hundred}", streams.add, 1.2)
    yield Workload(f"XREADGROUP COUNT 1, {hundred}", streams.read_one, 1.3, streams.with_group)
    yield Workload("XREADGROUP COUNT 100, entries", streams.read_many, 3, streams.with_group)
    yield Workload(f"XACK of one ID, {hundred}", streams.acknowledge_one, 1, streams.with_pending)
    yield Workload("XACK of 100 IDs, IDs", streams.acknowledge_many, 1.5, streams.with_pending)
    yield Workload("XRANGE COUNT 1000, entries", streams.replay_range, 4, streams.with_log, 5)
    yield Workload("XREAD COUNT 1000, entries", streams.replay_read, 4, streams.with_log, 5)
    waiting = f"{streams.WAITING} consumers wait, XADD one at a time"
    yield Workload(waiting, streams.blocked, 0.8, streams.with_empty_group, 0.05)
    yield Workload(f"XDEL all over a stream, {hundred}", streams.delete, 0.7, streams.with_depth)
    yield Workload(
        f"XACKDEL all over a stream, {hundred}", streams.acknowledge_and_delete, 0.7, streams.with_depth
    )


def measure(server: Server, workload: Workload, commands: int) -> tuple[float, float]:
    """Commands per second, and the server's CPU time per command in µs."""
    with emptied(server):
        workload.prepare(server, commands)
        if workload.prepare is not from_nothing:
            await_rewrite(server)  # of what was prepared: not what is measured
        before = cpu_seconds(server.pid)
        rate = workload.run(server, commands)
        return rate, (cpu_seconds(server.pid) - before) / commands * 1e6


def run(theirs: Server, ours: Server, rounds: int, commands: int) -> tuple[list[Measure], ...]:
    """All workloads; the measures of throughput, and those of CPU."""
    chosen = list(workloads())
    rates = [
        Measure(workload.name, "per s", workload.goal and Goal(workload.goal, at_least=True))
        for workload in chosen
    ]
    cpu = [Measure(workload.name, "µs") for workload in chosen]
    for turn in range(rounds):
        for workload, rate, cost in zip(chosen, rates, cpu, strict=True):
            order = [(theirs, rate.theirs, cost.theirs), (ours, rate.ours, cost.ours)]
            for server, rate_seen, cost_seen in order[:: -1 if turn % 2 else 1]:
                found = measure(server, workload, round(commands * workload.share))
                rate_seen.append(found[0])
                cost_seen.append(found[1])
    return rates, cpu
