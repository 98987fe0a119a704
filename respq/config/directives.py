"""The table of directives: every one of redis-server 8.2.3, declared once.

A line declares the attribute of `Config`, its type, its default and, by the class it stands in, what
the directive is to respq:

* `Live`: it does what it does in Redis. The text is the help of `respq serve --help`.
* `Inert`: it tunes or describes a mechanism that respq does not have (or does not have yet), so that
  any value is as true as another. It is checked, kept, shown and rewritten, and nothing reads it.
* `Fixed`: another value than the default would promise something that respq does not do. It is
  refused, and the text says why.

When respq learns what a directive is about, its line moves to `Live` and nothing else changes here.
A hyphen of the name is an underscore of the attribute. `aliases` are older names, which CONFIG GET
and CONFIG SET know and CONFIG REWRITE replaces.

Defaults are those of redis-server but for three: what is written is kept (`appendonly yes`), in a
directory of its own, and `bind` lets in clients of this machine alone. Because the log keeps the data,
`save ""` asks for no snapshots beside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from math import isinf
from typing import Generic, TypedDict, TypeVar, Unpack, cast

from respq.config.kinds import (
    INT64_MAX,
    INT_MAX,
    UINT_MAX,
    Addresses,
    Choice,
    Choices,
    ConfigError,
    Directory,
    EventClasses,
    Flag,
    Kind,
    Memory,
    MemoryOrPercent,
    Number,
    OutputLimit,
    OutputLimits,
    Password,
    Permissions,
    Primary,
    Release,
    SavePoints,
    Text,
    Words,
)

T = TypeVar("T")


class Options(TypedDict, total=False):
    """What most directives are not."""

    aliases: tuple[str, ...]
    immutable: bool  # CONFIG SET refuses it
    protected: bool  # CONFIG SET refuses it unless enable-protected-configs says otherwise
    secret: bool  # not to be shown by MONITOR and the slow log


class Directive(Generic[T]):
    """One line of the table. `role` and the names are filled in from where it stands."""

    __slots__ = (
        "about",
        "attribute",
        "default",
        "kind",
        "mutable",
        "name",
        "names",
        "protected",
        "role",
        "secret",
    )

    def __init__(self, kind: Kind[T], default: T, about: str, options: Options) -> None:
        self.kind = kind
        self.default = default
        self.about = about
        self.mutable = not options.get("immutable", False)
        self.protected = options.get("protected", False)
        self.secret = options.get("secret", False)
        self.names: tuple[str, ...] = options.get("aliases", ())
        self.name = self.attribute = ""
        self.role: type[object] = object

    def __set_name__(self, owner: type[object], attribute: str) -> None:
        self.attribute = attribute
        self.name = attribute.replace("_", "-")
        self.names = (self.name, *self.names)
        self.role = owner


# What a line calls: in truth a Directive, which `Config` replaces by a value of the type that it has here.


def flag(default: bool, about: str = "", **options: Unpack[Options]) -> bool:
    """yes or no."""
    return cast(bool, Directive(Flag(), default, about, options))


def number(default: int, low: int, high: int, about: str = "", **options: Unpack[Options]) -> int:
    """A whole number."""
    return cast(int, Directive(Number(low, high), default, about, options))


def size(default: int, high: int, about: str = "", low: int = 0, **options: Unpack[Options]) -> int:
    """A whole number that Redis keeps unsigned, which shows in one error text."""
    return cast(int, Directive(Number(low, high, unsigned=True), default, about, options))


def memory(
    default: int, about: str = "", low: int = 0, unsigned: bool = False, **options: Unpack[Options]
) -> int:
    """Bytes."""
    return cast(int, Directive(Memory(low, INT64_MAX, unsigned=unsigned), default, about, options))


def choice(default: str, names: str, about: str = "", later: str = "", **options: Unpack[Options]) -> str:
    """One of `names`, which are separated by blanks, or of those that came with later versions of Redis."""
    return cast(str, Directive(Choice(*names.split(), later=later.split()), default, about, options))


def text(default: str, about: str = "", **options: Unpack[Options]) -> str:
    """Any text."""
    return cast(str, Directive(Text(), default, about, options))


def path(about: str) -> str:
    """A file, or none; it cannot change while the server runs."""
    return cast(str, Directive(Text(hint="PATH"), "", about, {"immutable": True}))


def value(kind: Kind[T], default: T, about: str = "", **options: Unpack[Options]) -> T:
    """Of a kind that only one or two directives have."""
    return cast(T, Directive(kind, default, about, options))


def _file_name(what: str) -> Text:
    def check(name: str) -> None:
        if "/" in name or "\\" in name:  # nor does a manifest take either
            raise ConfigError(f"{what} can't be a path, just a {'dirname' if 'dir' in what else 'filename'}")
        if not name and what != "dbfilename":
            raise ConfigError(f"{what} can't be empty")

    return Text(check, hint="NAME")


def _check_source(name: str) -> None:
    kind, _, path = name.partition(":")
    if name and (kind not in ("aof", "rdb") or not path):
        raise ConfigError("argument must be aof:<manifest or log file> or rdb:<snapshot file>")


def _check_host_name(name: str) -> None:
    if len(name) >= 256:
        raise ConfigError("Hostnames must be less than 256 characters")
    if not re.fullmatch(r"[A-Za-z0-9.-]*", name):
        raise ConfigError("Hostnames may only contain alphanumeric characters, hyphens or dots")


def _check_node_name(name: str) -> None:
    if set("\0!#$%&()*+:;<>?@[]^{|}~") & set(name):
        raise ConfigError("Announced human node name contained invalid character")


TITLE_VARIABLES = ("title", "listen-addr", "server-mode", "port", "tls-port", "unixsocket", "config-file")
INVALID_TITLE = "template format is invalid or contains unknown variables"


def _check_title(template: str) -> None:
    variables = "|".join(TITLE_VARIABLES)
    if not template.strip() or "{" in re.sub(rf"\{{\{{|\{{({variables})\}}", "", template):
        raise ConfigError(INVALID_TITLE)


def _percentiles(words: Sequence[str]) -> Sequence[str]:
    numbers = [_number_of_c(word) for word in words]
    if any(number is None for number in numbers):
        raise ConfigError("Invalid latency-tracking-info-percentiles parameters")
    if not all(number is not None and 0 <= number <= 100 for number in numbers):
        raise ConfigError("latency-tracking-info-percentiles parameters should sit between [0.0,100.0]")
    return [f"{number:.6f}".rstrip("0").rstrip(".") for number in numbers]


_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?|[+-]?inf(inity)?", re.IGNORECASE)
_HEXADECIMAL = re.compile(r"[+-]?0x([0-9a-f]+\.?[0-9a-f]*|\.[0-9a-f]+)(p[+-]?[0-9]+)?", re.IGNORECASE)


def _number_of_c(word: str) -> float | None:
    """What C's strtod reads in all of the word; None for nothing, and for what a double has no room for."""
    if _HEXADECIMAL.fullmatch(word):
        try:
            return float.fromhex(word)
        except OverflowError:
            return None
    if not _DECIMAL.fullmatch(word):
        return None
    number = float(word)
    lost = number == 0 and re.search("[1-9]", word.lower().partition("e")[0])
    return None if lost or (isinf(number) and "n" not in word.lower()) else number


def _save_points(words: Sequence[str]) -> Sequence[str]:
    numbers = [number or "0" for number in " ".join(words).split(" ")] if words else []
    valid = not len(numbers) % 2 and all(re.fullmatch(r"[0-9]{1,18}", number) for number in numbers)
    if not valid or any(int(seconds) < 1 for seconds in numbers[::2]):
        raise ConfigError("Invalid save parameters")
    return numbers


def _scores(words: Sequence[str]) -> Sequence[str]:
    if len(words) != 3:
        raise ConfigError("wrong number of arguments")
    if not all(re.fullmatch(r"-?[0-9]{1,4}", word) and -2000 <= int(word) <= 2000 for word in words):
        raise ConfigError("Invalid oom-score-adj-values, elements must be between -2000 and 2000.")
    return words


_PROTECTED = "no yes local"
_BEHAVIOUR = (8, 2, 3)  # the version of Redis that respq is like
_LIMITS: Mapping[str, OutputLimit] = {
    "normal": (0, 0, 0),
    "replica": (256 << 20, 64 << 20, 60),
    "pubsub": (32 << 20, 8 << 20, 60),
}


class Live:
    """Directives that say what respq does."""

    # Where to listen, and to whom
    port = number(6379, 0, 65535, "TCP port; 0 listens on none")
    bind = value(
        Addresses(), ("127.0.0.1", "-::1"),
        "addresses to listen on; * is all of IPv4, ::* all of IPv6, a leading - excuses one that is missing",
    )  # fmt: skip
    protected_mode = flag(True, "without a password, serve clients of this machine only")
    requirepass = value(Password(), b"", "password that AUTH or HELLO must give", secret=True)
    aclfile = path("file with the users and their permissions; or else `user` lines")
    acl_pubsub_default = choice(
        "resetchannels", "allchannels resetchannels", "channels of a new user: none or all"
    )
    acllog_max_len = number(128, 0, INT64_MAX, "entries of ACL LOG")
    unixsocket = path("a Unix socket to listen on as well")
    unixsocketperm = value(
        Permissions(), 0, "mode of the Unix socket, in octal; 0: as umask has it", immutable=True
    )
    tcp_backlog = number(511, 0, INT_MAX, "connections that may wait to be accepted", immutable=True)
    tcp_keepalive = number(300, 0, INT_MAX, "seconds of silence before a peer is probed; 0 never")
    timeout = number(0, 0, INT_MAX, "seconds that a client may be idle; 0 for ever")
    max_new_connections_per_cycle = size(
        10, 1000, "clients let in before those that are in have their turn", low=1
    )
    maxclients = size(10000, UINT_MAX, "clients at once; lowered to what ulimit -n allows", low=1)

    # What a client may use
    proto_max_bulk_len = memory(512 << 20, "longest argument of a command", low=1 << 20)
    client_query_buffer_limit = memory(
        1 << 30, "bytes of unfinished commands a client may send", low=1 << 20, unsigned=True
    )
    client_output_buffer_limit = value(
        OutputLimits(), _LIMITS,
        "class, hard limit, soft limit, seconds: how much unread output ends a connection",
    )  # fmt: skip

    # What is kept
    dir = value(Directory(), "respq-data", "where the data is; made if missing", protected=True)
    databases = number(16, 1, INT_MAX, "databases that SELECT can choose", immutable=True)
    appendonly = flag(True, "keep every change in a log on disk")
    appendfsync = choice("everysec", "everysec always no", "when the log is forced to the disk")
    appendfilename = value(
        _file_name("appendfilename"), "appendonly.aof", "first part of the log's file names", immutable=True
    )
    appenddirname = value(
        _file_name("appenddirname"), "appendonlydir", "the log's directory, inside dir", immutable=True
    )
    auto_aof_rewrite_percentage = number(
        100, 0, INT_MAX, "growth of the log, in percent, that has it rewritten; 0 never"
    )
    auto_aof_rewrite_min_size = memory(64 << 20, "size below which the log is not rewritten by itself")
    aof_load_truncated = flag(True, "load a log whose last command was cut off, up to there")
    aof_load_corrupt_tail_max_size = memory(
        0, "bytes at the end of a log that are cut off if they are damaged, as after a power failure"
    )
    preload_file = value(
        Text(_check_source, hint="aof:MANIFEST|rdb:FILE"), "",
        "what to begin with while there are no data yet, as to restore a backup",
        immutable=True,
    )  # fmt: skip
    backupdirname = value(
        _file_name("backupdirname"), "backupdir", "the directory of BACKUP, inside dir", immutable=True
    )
    backup_sealed_ttl = number(
        0, 0, INT_MAX, "seconds after which a sealed backup is removed; 0: by BACKUP CLEANUP alone"
    )
    save = value(
        SavePoints(_save_points), "",
        "write a snapshot after so many seconds with so many changes, and at the end",
    )  # fmt: skip
    stop_writes_on_bgsave_error = flag(
        True, "refuse writes after a snapshot failed, until one succeeds, if there are save points"
    )
    shutdown_on_sigint = value(
        Choices("default", "save", "nosave", "now", "force"), "default",
        "what SIGINT does: a snapshot if there are save points; or save, or nosave; force: stop in any case",
    )  # fmt: skip
    shutdown_on_sigterm = value(
        Choices("default", "save", "nosave", "now", "force"), "default", "the same for SIGTERM"
    )
    dbfilename = value(
        _file_name("dbfilename"),
        "dump.rdb",
        "the snapshot; loaded if there is no log",
        protected=True,
    )
    rdbchecksum = flag(True, "snapshots have checksums, which are looked at", immutable=True)
    rdbcompression = flag(True, "compress strings in dumps; 2 to 5 MB a second, so big data sets do without")
    aof_use_rdb_preamble = flag(True, "a rewritten log begins with a snapshot; no: with commands")
    aof_timestamp_enabled = flag(False, "write into the log when it was, once a second")
    aof_rewrite_incremental_fsync = flag(True, "sync a log that is rewritten every 4 MB, not all at its end")
    rdb_save_incremental_fsync = flag(True, "the same for snapshots")
    repl_timeout = number(60, 1, INT_MAX, "seconds that `redis-cli --rdb` may go without reading")
    no_appendfsync_on_rewrite = flag(False, "do not force the log to the disk while it is rewritten")

    # How much memory it may use, and which keys are evicted to keep within that
    maxmemory = memory(0, "memory from which keys are evicted, or writes refused; 0: no limit", unsigned=True)
    maxmemory_policy = choice(
        "noeviction",
        "volatile-lru volatile-lfu volatile-random volatile-ttl "
        "allkeys-lru allkeys-lfu allkeys-random noeviction",
        "what is evicted: keys with an expiry or all, by when or how often they were used, by when they were "
        "changed (lrm), or at random",
        later="volatile-lrm allkeys-lrm",
    )
    maxmemory_samples = number(5, 1, 64, "keys that are looked at for each that is evicted")
    maxmemory_eviction_tenacity = number(
        10, 0, 100, "how long evictions may take at once: 10 half a millisecond, 100 until they are done"
    )
    maxmemory_clients = value(
        MemoryOrPercent(),
        0,
        "memory from which the largest clients are closed, or a share of maxmemory",
    )
    import_mode = flag(False, "data is copied in from another server: keep what expires, and evict nothing")
    lazyfree_lazy_eviction = flag(
        False, "log evicted keys as UNLINK, not DEL; large values are freed in slices anyway"
    )
    lfu_log_factor = number(10, 0, INT_MAX, "how many accesses it takes for OBJECT FREQ to grow; 0: one")
    lfu_decay_time = number(
        1, 0, INT_MAX, "minutes without access after which OBJECT FREQ falls by one; 0: never"
    )

    min_replicas_to_write = number(
        0,
        0,
        INT_MAX,
        "replicas without which writes are refused; there are none",
        aliases=("min-slaves-to-write",),
    )
    min_replicas_max_lag = number(
        10, 0, INT_MAX, "seconds that replicas may lag; 0: none are demanded", aliases=("min-slaves-max-lag",)
    )

    # The server
    hz = value(Number(0, INT_MAX, clamp=(1, 500)), 10, "times a second that timers are looked after")
    daemonize = flag(False, "go into the background", immutable=True)
    set_proc_title = flag(True, "have ps show proc-title-template", immutable=True)
    proc_title_template = value(
        Text(_check_title, hint="TEMPLATE"), "{title} {listen-addr} {server-mode}",
        "what ps shows: {title}, {listen-addr}, {port}, {tls-port}, {unixsocket}, {config-file}, and text",
    )  # fmt: skip
    pidfile = path("file to write the process id into")
    loglevel = choice("notice", "debug verbose notice warning nothing", "least important messages to log")
    logfile = path("file to log to instead of standard output; SIGHUP reopens it")
    notify_keyspace_events = value(EventClasses(), "", "classes of key-space events that are published")
    tracking_table_max_keys = size(1_000_000, INT64_MAX, "keys remembered for CLIENT TRACKING; 0: any number")
    slowlog_log_slower_than = number(
        10000, -1, INT64_MAX, "microseconds from which a command is slow; -1 never, 0 always",
        aliases=("commandlog-execution-slower-than",),
    )  # fmt: skip
    latency_monitor_threshold = number(
        0, 0, INT64_MAX, "milliseconds from which LATENCY knows of what took so long; 0: of nothing"
    )
    latency_tracking = flag(True, "keep a histogram of the latencies of each command")
    latency_tracking_info_percentiles = value(
        Words(_percentiles, ends_at_nul=False),
        "50 99 99.9",
        "percentiles of latencies that INFO latencystats shows",
    )
    key_memory_histograms = flag(False, "let INFO keysizes tell how much memory keys take, of each type")
    slowlog_max_len = number(
        128, 0, INT64_MAX, "slow commands remembered", aliases=("commandlog-slow-execution-max-len",)
    )
    commandlog_request_larger_than = number(
        -1, -1, INT64_MAX, "bytes of a request from which COMMANDLOG tells of it; -1 never"
    )
    commandlog_reply_larger_than = number(
        -1, -1, INT64_MAX, "bytes of a reply from which COMMANDLOG tells of it; -1 never"
    )
    commandlog_large_request_max_len = number(128, 0, INT64_MAX, "large requests remembered")
    commandlog_large_reply_max_len = number(128, 0, INT64_MAX, "large replies remembered")
    slowlog_entry_max_argc = number(32, 2, INT_MAX, "words of a slow command that are remembered")
    slowlog_entry_max_string_len = number(128, 0, INT_MAX, "bytes of such a word that are remembered")
    list_max_listpack_size = number(
        -2, -INT_MAX - 1, INT_MAX,
        "elements of a list node, or -1 to -5 for 4 to 64 kB; shows in OBJECT ENCODING",
        aliases=("list-max-ziplist-size",),
    )  # fmt: skip
    set_max_intset_entries = size(
        512, INT64_MAX, "members of a set of integers up to which it is an intset; shows in OBJECT ENCODING"
    )
    set_max_listpack_entries = size(128, INT64_MAX, "members up to which another set is a listpack")
    set_max_listpack_value = size(64, INT64_MAX, "bytes of a member that a listpack can hold")
    hash_max_listpack_entries = size(
        512, INT64_MAX, "fields of a listpack; shows in OBJECT ENCODING, and in the order of replies",
        aliases=("hash-max-ziplist-entries",),
    )  # fmt: skip
    hash_max_listpack_value = memory(
        64, "bytes of a field or value in a listpack; shows likewise",
        unsigned=True, aliases=("hash-max-ziplist-value",),
    )  # fmt: skip
    zset_max_listpack_entries = size(
        128, INT64_MAX, "members up to which a sorted set is a listpack; shows in OBJECT ENCODING",
        aliases=("zset-max-ziplist-entries",),
    )  # fmt: skip
    zset_max_listpack_value = memory(
        64, "bytes of a member that such a listpack can hold", unsigned=True,
        aliases=("zset-max-ziplist-value",),
    )  # fmt: skip
    stream_node_max_bytes = memory(
        4096, "bytes of a stream's node, 0 for any number; XTRIM with ~ takes whole nodes", unsigned=True
    )
    stream_node_max_entries = number(100, 0, INT64_MAX, "entries of a stream's node, 0 for any number")
    stream_idmp_duration = number(
        100,
        1,
        86_400,
        "seconds that a new stream remembers the messages of producers that XADD names",
    )
    stream_idmp_maxsize = number(100, 1, 10_000, "messages of a producer that a new stream remembers")
    busy_reply_threshold = number(
        5000, 0, INT64_MAX, "milliseconds after which a running script has others told BUSY; 0 never",
        aliases=("lua-time-limit",),
    )  # fmt: skip
    compat_version = value(
        Release(_BEHAVIOUR, (8, 4), (8, 6), (8, 8), (8, 10)), _BEHAVIOUR,
        "version of Redis that INFO and HELLO tell, and in whose form some replies are", immutable=True,
    )  # fmt: skip
    extended_redis_compatibility = flag(
        False, "name the server `redis` in HELLO, for clients that ask for it, such as redis-py's cache"
    )
    enable_debug_command = choice(
        "no", _PROTECTED, "who may use DEBUG: nobody, everybody, this machine", immutable=True
    )
    enable_protected_configs = choice("no", _PROTECTED, "who may change protected directives", immutable=True)


class Inert:
    """Directives whose value makes no difference here."""

    # Encodings, and the cost of deleting and of expiring
    activerehashing = flag(True)
    hll_sparse_max_bytes = memory(3000, unsigned=True)
    list_compress_depth = number(0, 0, INT_MAX)
    vset_force_single_threaded_execution = flag(False)
    active_expire_effort = number(1, 1, 10)
    lazyfree_lazy_expire = flag(False)
    lazyfree_lazy_server_del = flag(False)
    lazyfree_lazy_user_del = flag(False)
    lazyfree_lazy_user_flush = flag(False)

    # Memory allocator and kernel
    active_defrag_cycle_max = number(25, 1, 99)
    active_defrag_cycle_min = number(1, 1, 99)
    active_defrag_ignore_bytes = memory(100 << 20, low=1, unsigned=True)
    active_defrag_max_scan_fields = number(1000, 1, INT64_MAX)
    active_defrag_threshold_lower = number(10, 0, 1000)
    active_defrag_threshold_upper = number(100, 0, 1000)
    disable_thp = flag(True, immutable=True)
    jemalloc_bg_thread = flag(True)
    oom_score_adj_values = value(Words(_scores), "0 200 800")

    # Snapshots
    rdb_del_sync_files = flag(False)
    sanitize_dump_payload = choice("no", "no yes clients")

    # Accepting clients, logging, dying
    always_show_logo = flag(False, immutable=True)
    crash_log_enabled = flag(True)
    crash_memcheck_enabled = flag(True)
    dynamic_hz = flag(True)
    hide_user_data_from_log = flag(False)
    ignore_warnings = text("")
    max_new_tls_connections_per_cycle = size(1, 1000, low=1)
    syslog_facility = choice(
        "local0", "user local0 local1 local2 local3 local4 local5 local6 local7", immutable=True
    )
    syslog_ident = text("redis", immutable=True)

    # Replication: there are no replicas
    bind_source_addr = text("")
    masterauth = value(Text(ends_at_nul=False), "", secret=True)
    masteruser = text("", secret=True)
    propagation_error_behavior = choice("ignore", "ignore panic panic-on-replicas")
    repl_backlog_size = value(Memory(1, INT64_MAX, clamp=(16 << 10, INT64_MAX)), 1 << 20)
    repl_backlog_ttl = number(3600, 0, INT64_MAX)
    repl_disable_tcp_nodelay = flag(False)
    repl_diskless_load = choice("disabled", "disabled on-empty-db swapdb", later="flushdb")
    repl_diskless_sync = flag(True)
    repl_diskless_sync_delay = number(5, 0, INT_MAX)
    repl_diskless_sync_max_replicas = number(0, 0, INT_MAX)
    repl_ping_replica_period = number(10, 1, INT_MAX, aliases=("repl-ping-slave-period",))
    replica_announce_ip = text("", aliases=("slave-announce-ip",))
    replica_announce_port = number(0, 0, 65535, aliases=("slave-announce-port",))
    replica_announced = flag(True)
    replica_full_sync_buffer_limit = memory(0)
    replica_ignore_disk_write_errors = flag(False)
    replica_ignore_maxmemory = flag(True, aliases=("slave-ignore-maxmemory",))
    replica_lazy_flush = flag(False, aliases=("slave-lazy-flush",))
    replica_priority = number(100, 0, INT_MAX, aliases=("slave-priority",))
    replica_read_only = flag(True, aliases=("slave-read-only",))
    replica_serve_stale_data = flag(True, aliases=("slave-serve-stale-data",))
    shutdown_timeout = number(10, 0, INT_MAX)

    # How clients are read, which is all at once
    lookahead = number(16, 1, INT_MAX)

    # Cluster, which is off
    cluster_allow_pubsubshard_when_down = flag(True)
    cluster_allow_reads_when_down = flag(False)
    cluster_allow_replica_migration = flag(True)
    cluster_announce_bus_port = number(0, 0, 65535)
    cluster_announce_hostname = value(Text(_check_host_name), "")
    cluster_announce_human_nodename = value(Text(_check_node_name, ends_at_nul=False), "")
    cluster_announce_ip = text("")
    cluster_announce_port = number(0, 0, 65535)
    cluster_announce_tls_port = number(0, 0, 65535)
    cluster_compatibility_sample_ratio = number(0, 0, 100)
    cluster_config_file = text("nodes.conf", immutable=True)
    cluster_link_sendbuf_limit = memory(0, unsigned=True)
    cluster_migration_barrier = number(1, 0, INT_MAX)
    cluster_node_timeout = number(15000, 0, INT64_MAX)
    cluster_port = number(0, 0, 65535, immutable=True)
    cluster_preferred_endpoint_type = choice("ip", "ip hostname unknown-endpoint")
    cluster_replica_no_failover = flag(False, aliases=("cluster-slave-no-failover",))
    cluster_replica_validity_factor = number(10, 0, INT_MAX, aliases=("cluster-slave-validity-factor",))
    cluster_require_full_coverage = flag(True)
    cluster_slot_stats_enabled = flag(False)

    # TLS, which has no port
    tls_auth_clients = choice("yes", "no yes optional")
    tls_ca_cert_dir = text("")
    tls_ca_cert_file = text("")
    tls_cert_file = text("")
    tls_ciphers = text("")
    tls_ciphersuites = text("")
    tls_client_cert_file = text("")
    tls_client_key_file = text("")
    tls_client_key_file_pass = text("", secret=True)
    tls_cluster = flag(False)
    tls_dh_params_file = text("")
    tls_key_file = text("")
    tls_key_file_pass = text("", secret=True)
    tls_prefer_server_ciphers = flag(False)
    tls_protocols = text("")
    tls_replication = flag(False)
    tls_session_cache_size = number(20480, 0, INT_MAX)
    tls_session_cache_timeout = number(300, 0, INT_MAX)
    tls_session_caching = flag(True)


class Fixed:
    """Directives that only their default describes respq."""

    activedefrag = flag(False, "respq does not defragment its memory")
    io_threads = number(1, 1, 128, "respq has one thread for clients", immutable=True)
    server_cpulist = text(
        "", "respq does not bind itself to processors", immutable=True, aliases=("server_cpulist",)
    )
    bio_cpulist = text(
        "", "respq does not bind itself to processors", immutable=True, aliases=("bio_cpulist",)
    )
    aof_rewrite_cpulist = text(
        "", "respq does not bind itself to processors", immutable=True, aliases=("aof_rewrite_cpulist",)
    )
    bgsave_cpulist = text(
        "", "respq does not bind itself to processors", immutable=True, aliases=("bgsave_cpulist",)
    )
    oom_score_adj = choice("no", "no yes relative absolute", "respq leaves its OOM score alone")
    socket_mark_id = size(0, UINT_MAX, "respq does not mark its sockets", immutable=True)
    supervised = choice(
        "no", "upstart systemd auto no", "respq does not report to a supervisor", immutable=True
    )
    syslog_enabled = flag(False, "respq does not log to syslog", immutable=True)
    locale_collate = text("", "respq compares bytes")
    enable_module_command = choice("no", _PROTECTED, "respq loads no modules", immutable=True)
    replicaof = value(
        Primary(), "", "respq does not replicate from another server", immutable=True, aliases=("slaveof",)
    )
    cluster_enabled = flag(False, "respq is no node of a Redis Cluster", immutable=True)
    tls_port = number(0, 0, 65535, "respq does not speak TLS")


def _table() -> Iterator[Directive[object]]:
    for role in (Live, Inert, Fixed):
        yield from (found for found in vars(role).values() if isinstance(found, Directive))


DIRECTIVES: dict[str, Directive[object]] = {directive.name: directive for directive in _table()}
BY_ANY_NAME: dict[str, Directive[object]] = {
    name: directive for directive in DIRECTIVES.values() for name in directive.names
}

# Lines that redis-server 8.2.3 reads and that mean nothing any more.
OBSOLETE = frozenset(
    {
        "io-threads-do-reads",
        "list-max-ziplist-entries",
        "list-max-ziplist-value",
        "lua-enable-deprecated-api",
        "lua-replicate-commands",
    }
)

# Lines that are no directives in CONFIG's sense, and why respq refuses them.
REFUSED = {
    "loadmodule": "respq loads no modules",
    "rename-command": "respq does not rename commands",
    "sentinel": "respq is no Sentinel",
}
