"""HOTKEYS: find the keys that take most of the time or of the network (see `respq.hotkeys`).

As the manual of Redis 8.6 has it. What Redis says when a session is running, or none is, is not documented:
these texts are our own.
"""

from __future__ import annotations

from respq.command import ADMIN, LOADING, NOSCRIPT, STALE, Argv, Client, command, container
from respq.commands.arguments import INT_MAX, Options, parse_int_between
from respq.commands.help import help_reply
from respq.errors import CommandError, syntax_error
from respq.hotkeys import HotKeys, Metric
from respq.protocol.resp import OK, array, bulk, integer
from respq.state import Server

PRIVILEGED = ADMIN | NOSCRIPT
METRICS = {b"CPU", b"NET"}
MOST = 64  # keys of a session
DEFAULT_MOST = 10
SLOTS = array([array([integer(0), integer(16383)])])  # all of them, as without cluster mode

container("HOTKEYS", group="server", since="8.6.0", summary="Commands that find the keys that take most")


@command("HOTKEYS|START", arity=-2, flags=PRIVILEGED, group="server", since="8.6.0",
         syntax="<METRICS count [CPU] [NET]> [COUNT k] [DURATION seconds] [SAMPLE ratio] "
         "[SLOTS count slot [slot ...]]")  # fmt: skip
def hotkeys_start(c: Client, argv: Argv) -> bytes:
    """Begin to measure, in place of what an earlier session has found."""
    server = c.server
    metrics: set[bytes] = set()
    numbers = {b"COUNT": DEFAULT_MOST, b"DURATION": 0, b"SAMPLE": 1}
    for option in (options := Options(argv, 2)):
        if option == b"METRICS":
            metrics = _read_metrics(options, argv)
        elif option == b"SLOTS":
            raise CommandError("SLOTS parameter cannot be used in non-cluster mode")
        elif option in numbers:
            high = MOST if option == b"COUNT" else INT_MAX
            numbers[option] = parse_int_between(options.value(), 1, high)
        else:
            raise syntax_error()
    if not metrics:
        raise CommandError("METRICS parameter is required")
    if _running(server) is not None:
        raise CommandError("a hotkeys session is already in progress")
    server.hotkeys = HotKeys(server, metrics, numbers[b"COUNT"], numbers[b"DURATION"], numbers[b"SAMPLE"])
    server.retable_all()
    return OK


def _read_metrics(options: Options, argv: Argv) -> set[bytes]:
    """The words behind METRICS, of which the first says how many there are."""
    count = parse_int_between(options.value(), 1, INT_MAX)
    found: set[bytes] = set()
    while options.left and (word := argv[options.at].upper()) in METRICS - found:
        found.add(word)
        options.value()
    if not found:
        raise CommandError("METRICS no valid metrics passed. Supported: CPU|NET")
    if len(found) != count:
        raise CommandError("METRICS count does not match number of metric types provided")
    return found


def _running(server: Server) -> HotKeys | None:
    """The session that runs, if any does; one whose time is up has ended."""
    session = server.hotkeys
    return session if isinstance(session, HotKeys) and session.active else None


@command("HOTKEYS|GET", arity=2, flags=PRIVILEGED, group="server", since="8.6.0",
         complexity="O(N log K), N keys met")  # fmt: skip
def hotkeys_get(c: Client, argv: Argv) -> bytes:
    """What the session that runs, or ran last, has found; null if there is none."""
    session = c.server.hotkeys
    if not isinstance(session, HotKeys):
        return c.enc.null
    fields = [
        (b"tracking-active", integer(session.active)),
        (b"sample-ratio", integer(session.sample_ratio)),
        (b"selected-slots", SLOTS),
        (b"all-commands-all-slots-us", integer(session.cpu_ns.total // 1000)),
        (b"net-bytes-all-commands-all-slots", integer(session.net_bytes.total)),
        (b"collection-start-time-unix-ms", integer(session.began_ms)),
        (b"collection-duration-ms", integer(session.duration_ms)),
    ]
    cpu, net = b"CPU" in session.metrics, b"NET" in session.metrics
    if cpu:
        user_ms, system_ms = session.cpu_ms()
        fields += [
            (b"total-cpu-time-user-ms", integer(user_ms)),
            (b"total-cpu-time-sys-ms", integer(system_ms)),
        ]
    if net:
        fields.append((b"total-net-bytes", integer(session.net_bytes.total)))
    if cpu:
        fields.append((b"by-cpu-time-us", _greatest(session.cpu_ns, session.most, 1000)))
    if net:
        fields.append((b"by-net-bytes", _greatest(session.net_bytes, session.most, 1)))
    return array([c.enc.map([(bulk(name), value) for name, value in fields])])


def _greatest(metric: Metric, most: int, unit: int) -> bytes:
    """Keys and what each took, in turns, the greatest first."""
    return array([
        reply
        for key, amount in metric.by_key.most_common(most)
        for reply in (bulk(key), integer(amount // unit))
    ])  # fmt: skip


@command("HOTKEYS|STOP", arity=2, flags=PRIVILEGED, group="server", since="8.6.0")
def hotkeys_stop(c: Client, argv: Argv) -> bytes:
    """End the session that runs; HOTKEYS GET still tells what it has found."""
    session = _running(c.server)
    if session is None:
        raise CommandError("no hotkeys session is in progress")
    session.stop(c.server.clock.now_ms)
    return OK


@command("HOTKEYS|RESET", arity=2, flags=PRIVILEGED, group="server", since="8.6.0")
def hotkeys_reset(c: Client, argv: Argv) -> bytes:
    """Forget what a session has found that does not run any more."""
    if _running(c.server) is not None:
        raise CommandError("a hotkeys session is in progress; stop it first")
    c.server.hotkeys = None
    return OK


@command("HOTKEYS|HELP", arity=2, flags=LOADING | STALE, group="server", since="8.6.1")
def hotkeys_help(c: Client, argv: Argv) -> bytes:
    """List the forms of HOTKEYS."""
    return help_reply("HOTKEYS", """
        GET
            Show what the session that runs, or ran last, has found.
        RESET
            Forget it.
        START METRICS <count> [CPU] [NET] [COUNT <k>] [DURATION <seconds>] [SAMPLE <ratio>]
            Begin to measure. COUNT: keys shown (default: 10); SAMPLE: one in so many commands.
        STOP
            End the session.
        """)  # fmt: skip
