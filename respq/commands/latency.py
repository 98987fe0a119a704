"""LATENCY: what took long, by event, and the histograms of the commands, as `respq.latency` keeps them.

Events are `command` and `fast-command` (those that Redis calls FAST), `fork` for snapshots and rewrites,
`expire-cycle` for keys that nobody asks for, `aof-write` and `aof-fsync-always` for the log. Nobody looks at
how long these take unless `latency-monitor-threshold` is set; then all commands are timed one by one.
"""

from __future__ import annotations

from math import fsum

from respq.command import ADMIN, LOADING, NOSCRIPT, STALE, Argv, Client, Spec, command, container
from respq.commands.help import help_reply
from respq.errors import CommandError, shown
from respq.latency import Event
from respq.protocol.resp import array, bulk, integer

PRIVILEGED = ADMIN | NOSCRIPT | LOADING | STALE
EVERY_NODE = ("nondeterministic_output", "request_policy:all_nodes", "response_policy:special")
ROWS = 4  # of a graph
LEVELS = "_o#"  # within a row, from the lowest
COLUMNS = 80

container("LATENCY", group="server", since="2.8.13", summary="Commands about latencies")


@command("LATENCY|LATEST", arity=2, flags=PRIVILEGED, group="server", since="2.8.13", tips=EVERY_NODE)
def latency_latest(c: Client, argv: Argv) -> bytes:
    """The last sample of each event: name, Unix time, milliseconds, and the most milliseconds ever."""
    return array([
        array([
            bulk(name.encode()),
            integer(event.samples[-1].unix_s),
            integer(event.samples[-1].latency_ms),
            integer(event.worst_ms),
        ])
        for name, event in c.server.latency.events.items()
    ])  # fmt: skip


@command("LATENCY|HISTORY", arity=3, flags=PRIVILEGED, group="server", since="2.8.13", syntax="event",
         tips=EVERY_NODE)  # fmt: skip
def latency_history(c: Client, argv: Argv) -> bytes:
    """The samples of an event: Unix time and milliseconds of each."""
    event = c.server.latency.events.get(argv[2].decode("latin-1"), Event())
    return array([array([integer(each.unix_s), integer(each.latency_ms)]) for each in event.samples])


@command("LATENCY|RESET", arity=-2, flags=PRIVILEGED, group="server", since="2.8.13",
         syntax="[event [event ...]]",
         tips=("request_policy:all_nodes", "response_policy:agg_sum"))  # fmt: skip
def latency_reset(c: Client, argv: Argv) -> bytes:
    """Forget some events, or all; return how many were forgotten."""
    monitor = c.server.latency
    return integer(monitor.reset([name.decode("latin-1") for name in argv[2:]] or list(monitor.events)))


@command("LATENCY|HISTOGRAM", arity=-2, flags=PRIVILEGED, group="server", since="7.0.0",
         syntax="[command [command ...]]", tips=EVERY_NODE,
         complexity="O(N) for N commands with latencies")  # fmt: skip
def latency_histogram(c: Client, argv: Argv) -> bytes:
    """The latencies of some commands, or all: how many calls took no longer than so many microseconds."""
    server = c.server
    server.count_done()
    if len(argv) == 2:
        asked = list(server.specs.values())
    else:
        names = [name.decode("latin-1").upper() for name in argv[2:]]
        asked = [each for name in names if name in server.specs for each in _leaves(server.specs[name])]
    return c.enc.map([
        (bulk(spec.fullname.encode()), _histogram(c, spec, calls))
        for spec in asked if (calls := spec.latencies.calls)
    ])  # fmt: skip


def _leaves(spec: Spec) -> list[Spec]:
    """A command, or the subcommands of a container."""
    return list(spec.subcommands.values()) or [spec]


def _histogram(c: Client, spec: Spec, calls: int) -> bytes:
    buckets = [(integer(upto_us), integer(count)) for upto_us, count in spec.latencies.buckets()]
    return c.enc.map([(bulk(b"calls"), integer(calls)), (bulk(b"histogram_usec"), c.enc.map(buckets))])


# -- for people ------------------------------------------------------------------------------------


@command("LATENCY|GRAPH", arity=3, flags=PRIVILEGED, group="server", since="2.8.13", syntax="event",
         tips=EVERY_NODE)  # fmt: skip
def latency_graph(c: Client, argv: Argv) -> bytes:
    """Draw the samples of an event; below each stands how long ago it was."""
    event = c.server.latency.events.get(argv[2].decode("latin-1"))
    if event is None:
        raise CommandError(b"No samples available for event '%b'" % shown(argv[2]))
    latencies = [each.latency_ms for each in event.samples]
    low, high = min(latencies), max(latencies)
    now_s = c.server.clock.now_ms // 1000
    columns = [
        _column((each.latency_ms - low) / (high - low or 1), now_s - each.unix_s) for each in event.samples
    ]
    name = argv[2].decode("latin-1")
    title = f"{name} - high {high} ms, low {low} ms (all time high {event.worst_ms} ms)\n{'-' * COLUMNS}\n"
    parts = [_drawn(columns[at : at + COLUMNS]) for at in range(0, len(columns), COLUMNS)]
    return c.enc.verbatim((title + "\n".join(parts)).encode("latin-1"))


def _column(height: float, age_s: int) -> str:
    """One sample from top to bottom: a point between 0 and 1, a gap, its age."""
    level = min(int(height * ROWS * len(LEVELS)), ROWS * len(LEVELS) - 1)
    row, point = divmod(level, len(LEVELS))
    return " " * (ROWS - 1 - row) + LEVELS[point] + "|" * row + " " + _age(age_s)


def _age(seconds: int) -> str:
    for unit, name in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds >= unit:
            return f"{seconds // unit}{name}"
    return f"{max(0, seconds)}s"


def _drawn(columns: list[str]) -> str:
    """Columns side by side, as lines."""
    height = max(map(len, columns))
    rows = zip(*[column.ljust(height) for column in columns], strict=True)
    return "".join(["".join(row) + "\n" for row in rows])


@command("LATENCY|DOCTOR", arity=2, flags=PRIVILEGED, group="server", since="2.8.13", tips=EVERY_NODE)
def latency_doctor(c: Client, argv: Argv) -> bytes:
    """Say in words what took long, and what may help."""
    monitor = c.server.latency
    if not monitor.events and not monitor.on:
        text = (
            "Nobody has been watching: latency-monitor-threshold is 0. To have a report, set it with "
            "CONFIG SET latency-monitor-threshold <milliseconds> and come back later.\n"
        )
    elif not monitor.events:
        text = f"Nothing has taken {monitor.threshold_ms} ms or longer since somebody is watching.\n"
    else:
        findings = [_finding(number, name, event) for number, (name, event) in _numbered(monitor.events)]
        advice = [f"- {text}\n" for text in _advice(c, set(monitor.events))]
        text = "".join(["These took long:\n\n", *findings, "\nWhat may help:\n\n", *advice])
    return c.enc.verbatim(text.encode())


def _numbered(events: dict[str, Event]) -> list[tuple[int, tuple[str, Event]]]:
    return list(enumerate(events.items(), 1))


def _finding(number: int, name: str, event: Event) -> str:
    """One line about an event."""
    latencies = [each.latency_ms for each in event.samples]
    mean = fsum(latencies) / len(latencies)
    deviation = fsum(abs(each - mean) for each in latencies) / len(latencies)
    seconds = max(1, event.samples[-1].unix_s - event.samples[0].unix_s)
    return (
        f"{number}. {name}: {len(latencies)} latency spikes (average {int(mean)}ms, mean deviation "
        f"{int(deviation)}ms, period {seconds / len(latencies):.2f} sec). "
        f"Worst all time event {event.worst_ms}ms.\n"
    )


def _advice(c: Client, names: set[str]) -> list[str]:
    config, found = c.server.config, []
    if names & {"command", "fast-command"}:
        threshold_us = c.server.latency.threshold_ms * 1000
        if config.slowlog_log_slower_than < 0 or config.slowlog_log_slower_than > threshold_us:
            found.append(
                "The slow log leaves some of these commands out: "
                f"'CONFIG SET slowlog-log-slower-than {threshold_us}' has them all."
            )
        found.append(
            "SLOWLOG GET shows the commands that took long; those that touch many elements can be cut."
        )
    if "fork" in names:
        found.append(
            "The system copies the page tables for a child: less memory per server makes that shorter."
        )
    if "aof-fsync-always" in names:
        found.append("The disk is slow to sync. With 'appendfsync everysec' nobody waits for that.")
    if "aof-write" in names:
        found.append("Writes to the log wait for the disk: others may use it, or it is nearly full.")
    if "expire-cycle" in names:
        found.append("Many keys expire at once: spread their deadlines a little.")
    return found or ["Nothing that we know of."]


@command("LATENCY|HELP", arity=2, flags=LOADING | STALE, group="server", since="2.8.13")
def latency_help(c: Client, argv: Argv) -> bytes:
    """List the forms of LATENCY."""
    return help_reply("LATENCY", """
        DOCTOR
            Say in words what took long.
        GRAPH <event>
            Draw the samples of <event>.
        HISTORY <event>
            Show the samples of <event>.
        LATEST
            Show the last sample of each event.
        RESET [<event> ...]
            Forget the samples of these events, or of all.
        HISTOGRAM [COMMAND ...]
            Show how long the calls of these commands took, or those of all.
        """)  # fmt: skip
