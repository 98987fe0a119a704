"""INFO: the server in numbers, under the names by which monitoring tools know them.

Each section is a function that yields fields in Redis's order; a field is left out where respq has
no such thing, and is 0 where it has it and there is none. Nothing here costs more than the number of
clients: numbers per key are of some of the keys, if there are many.

What `used_memory` is, says `gauge`; what it is made of, `usage`.

The number of reads is that of sockets found ready, which counts some that were ready for something else.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator

from respq import __version__, process
from respq.children import Progress
from respq.clock import stopwatch_ns
from respq.command import LOADING, STALE, Argv, Client, command
from respq.keysizes import distributions, memory_distributions
from respq.keyspace import Database
from respq.state import Server, Spec
from respq.statistics import SlowCalls
from respq.usage import buffers_of, scripts_of, usage_of

Fields = Iterator[tuple[str, object]]

SAMPLED_KEYS = 100  # for the average time to live
DAY_S = 86_400


@command("INFO", arity=-1, flags=LOADING | STALE, group="server", since="1.0.0",
         syntax="[section [section ...]]", acl="dangerous",
         tips=("nondeterministic_output", "request_policy:all_shards", "response_policy:special")
)  # fmt: skip
def info(c: Client, argv: Argv) -> bytes:
    """The server in numbers, by section."""
    wanted = {word.decode("latin-1").lower() for word in argv[1:]} or {"default"}
    c.server.count_done()
    c.server.settle_watching(c)
    everything = not wanted.isdisjoint({"all", "everything"})
    texts = [
        _text(name, section(c.server))
        for name, section in _SECTIONS.items()
        if everything or name in wanted or ("default" in wanted and name not in ON_REQUEST)
    ]
    return c.enc.verbatim("\r\n".join(texts).encode())


def _text(name: str, fields: Fields) -> str:
    title = "CPU" if name == "cpu" else name.capitalize()
    return f"# {title}\r\n" + "".join([f"{field}:{value}\r\n" for field, value in fields])


def human_bytes(count: int) -> str:
    """A size for people, as INFO's `_human` fields have it: `1.50M`."""
    if count < 1024:
        return f"{count}B"
    power = min((count.bit_length() - 1) // 10, 5)
    return f"{count / 1024**power:.2f}{'BKMGTP'[power]}"


# -- sections --------------------------------------------------------------------------------------


def _server(server: Server) -> Fields:
    config, clock = server.config, server.clock
    uptime_s = (clock.now_ms - server.started_ms) // 1000
    yield "redis_version", server.redis_version
    yield "redis_git_sha1", "00000000"
    yield "redis_git_dirty", 0
    yield "redis_build_id", 0
    yield "redis_mode", "standalone"
    yield "os", process.system_name()
    yield "arch_bits", 64 if sys.maxsize > 1 << 32 else 32
    yield "multiplexing_api", "epoll" if sys.platform == "linux" else "kqueue"
    yield "process_id", os.getpid()
    yield "process_supervised", "no"
    yield "run_id", server.run_id
    yield "tcp_port", config.port
    yield "server_time_usec", clock.now_us
    yield "uptime_in_seconds", uptime_s
    yield "uptime_in_days", uptime_s // DAY_S
    yield "hz", config.hz
    yield "configured_hz", config.hz
    yield "lru_clock", clock.now_ms // 1000 % (1 << 24)
    yield "executable", sys.executable
    yield "config_file", config.file or ""
    yield "io_threads_active", 0
    yield "respq_version", __version__
    yield "python_version", sys.version.split()[0]
    if config.port:
        yield "listener0", f"name=tcp,{','.join(f'bind={at}' for at in config.bind)},port={config.port}"
    if config.unixsocket:
        yield "listener1", f"name=unix,bind={config.unixsocket}"


def _clients(server: Server) -> Fields:
    clients = server.clients.values()
    keys = [place for place in server.waiting.queues if not isinstance(place, str)]
    yield "connected_clients", len(clients)
    yield "cluster_connections", 0
    yield "maxclients", server.config.maxclients
    unread, unsent = buffers_of(server)
    yield "client_recent_max_input_buffer", max(unread, default=0)
    yield "client_recent_max_output_buffer", max(unsent, default=0)
    yield "blocked_clients", sum(client.parked is not None for client in clients)
    yield "tracking_clients", len(server.tracking.trackers)
    yield "pubsub_clients", sum(client.subscribed for client in clients)
    yield "watching_clients", sum(bool(client.watched) for client in clients)
    yield (
        "clients_in_timeout_table",
        sum(client.parked is not None and client.parked.deadline_ms > 0 for client in clients),
    )
    yield "total_watched_keys", len(server.watchers)
    yield "total_blocking_keys", len(keys)
    yield "total_blocking_keys_on_nokey", 0


def _memory(server: Server) -> Fields:
    usage = usage_of(server)
    limit = server.config.maxmemory
    yield "used_memory", usage.used
    yield "used_memory_human", human_bytes(usage.used)
    yield "used_memory_rss", usage.resident
    yield "used_memory_rss_human", human_bytes(usage.resident)
    yield "used_memory_peak", usage.peak
    yield "used_memory_peak_human", human_bytes(usage.peak)
    yield "used_memory_peak_perc", f"{100 * usage.used / usage.peak:.2f}%"
    yield "used_memory_overhead", usage.overhead
    yield "used_memory_startup", usage.startup
    yield "used_memory_dataset", usage.dataset
    yield "used_memory_dataset_perc", f"{usage.dataset_percent:.2f}%"
    yield "total_system_memory", usage.machine
    yield "total_system_memory_human", human_bytes(usage.machine)
    yield from _scripts(server)
    yield "maxmemory", limit
    yield "maxmemory_human", human_bytes(limit)
    yield "maxmemory_policy", server.config.maxmemory_policy
    yield "mem_fragmentation_ratio", f"{usage.fragmentation:.2f}"
    yield "mem_fragmentation_bytes", usage.resident - usage.used
    yield "mem_not_counted_for_evict", usage.log_buffer
    yield "mem_replication_backlog", 0
    yield "mem_total_replication_buffers", 0
    yield "mem_clients_slaves", 0
    yield "mem_clients_normal", usage.client_buffers
    yield "mem_aof_buffer", usage.log_buffer
    yield "mem_allocator", sys.implementation.name
    yield "active_defrag_running", 0
    yield "lazyfree_pending_objects", len(server.rubble)
    yield "lazyfreed_objects", server.rubble.freed


def _scripts(server: Server) -> Fields:
    scripts, catalogue = scripts_of(server), server.libraries.catalogue
    of_all = scripts.lua + scripts.functions_lua
    yield "used_memory_lua", scripts.lua
    yield "used_memory_vm_eval", scripts.lua
    yield "used_memory_lua_human", human_bytes(scripts.lua)
    yield "used_memory_scripts_eval", scripts.kept
    yield "number_of_cached_scripts", scripts.cached
    yield "number_of_functions", len(catalogue.functions)
    yield "number_of_libraries", len(catalogue.libraries)
    yield "used_memory_vm_functions", scripts.functions_lua
    yield "used_memory_vm_total", of_all
    yield "used_memory_vm_total_human", human_bytes(of_all)
    yield "used_memory_functions", scripts.functions_kept
    yield "used_memory_scripts", scripts.kept + scripts.functions_kept
    yield "used_memory_scripts_human", human_bytes(scripts.kept + scripts.functions_kept)


def _persistence(server: Server) -> Fields:
    yield "loading", int(server.loading)
    yield "async_loading", 0
    yield from _writing(server)
    yield "rdb_changes_since_last_save", server.changes_since_save
    saves = server.saves
    seconds = (server.clock.now_ms - saves.began_ms) // 1000 if saves.began_ms else -1
    yield "rdb_bgsave_in_progress", int(saves.began_ms > 0)
    yield "rdb_last_save_time", saves.last_save_s
    yield "rdb_last_bgsave_status", "ok" if saves.last_ok else "err"
    yield "rdb_last_bgsave_time_sec", saves.last_seconds
    yield "rdb_current_bgsave_time_sec", seconds
    yield "rdb_saves", saves.attempts
    yield "rdb_last_cow_size", saves.last_private_bytes
    yield "rdb_last_load_keys_expired", saves.keys_expired
    yield "rdb_last_load_keys_loaded", saves.keys_loaded
    log = server.kept_log
    yield from log.info(server.clock.now_ms).items() if log is not None else _no_log(server)
    if server.config.compat_version >= (8, 10):
        yield "backup_in_progress", int(server.backup.in_progress)
    if server.loading:
        yield from _loading(server)


def _writing(server: Server) -> Fields:
    """How far the child is that writes a snapshot or the log."""
    progress = server.saves.progress
    if not server.saves.began_ms and (server.aof is None or not server.aof.rewriting):
        progress = Progress()
    age_ns = stopwatch_ns() - progress.noted_ns if progress.noted_ns else 0
    share = progress.keys_done / progress.keys_total if progress.keys_total else 0
    yield "current_cow_peak", progress.peak_bytes
    yield "current_cow_size", progress.private_bytes
    yield "current_cow_size_age", age_ns // 1_000_000_000
    yield "current_fork_perc", f"{100 * share:.2f}"
    yield "current_save_keys_processed", progress.keys_done
    yield "current_save_keys_total", progress.keys_total


def _no_log(server: Server) -> Fields:
    history = server.saves.rewrites
    yield "aof_enabled", int(server.config.appendonly)  # perhaps it is being loaded
    yield "aof_rewrite_in_progress", 0
    yield "aof_rewrite_scheduled", int(history.first_waits)
    yield "aof_last_rewrite_time_sec", history.last_seconds
    yield "aof_current_rewrite_time_sec", -1
    yield "aof_last_bgrewrite_status", "ok" if history.last_ok else "err"
    yield "aof_rewrites", history.finished
    yield "aof_rewrites_consecutive_failures", history.failures_in_a_row
    yield "aof_last_write_status", "ok"
    yield "aof_last_cow_size", history.last_private_bytes
    yield "module_fork_in_progress", 0
    yield "module_fork_last_cow_size", 0


def _loading(server: Server) -> Fields:
    total, done = server.loading_total, server.loading_bytes
    elapsed_s = max(0, server.clock.now_ms - server.loading_since_ms) / 1000
    yield "loading_start_time", server.loading_since_ms // 1000
    yield "loading_total_bytes", total
    yield "loading_loaded_bytes", done
    yield "loading_loaded_perc", f"{100 * done / total if total else 0:.2f}"
    yield "loading_eta_seconds", int(elapsed_s * (total - done) / done) if done else 1


def _threads(server: Server) -> Fields:
    stats = server.stats
    yield "io_thread_0", f"clients={len(server.clients)},reads={stats.reads},writes={stats.writes}"


def _stats(server: Server) -> Fields:
    stats, refused = server.stats, server.access_log.refused
    commands_per_s, input_per_s, output_per_s, cycles_per_s, loop_us_per_s = _rates(server)
    yield "total_connections_received", stats.connections_received
    yield "total_commands_processed", server.commands_executed
    yield "instantaneous_ops_per_sec", int(commands_per_s)
    yield "total_net_input_bytes", stats.input_bytes
    yield "total_net_output_bytes", stats.output_bytes
    yield "total_net_repl_input_bytes", 0
    yield "total_net_repl_output_bytes", 0
    yield "instantaneous_input_kbps", f"{input_per_s / 1024:.2f}"
    yield "instantaneous_output_kbps", f"{output_per_s / 1024:.2f}"
    yield "instantaneous_input_repl_kbps", "0.00"
    yield "instantaneous_output_repl_kbps", "0.00"
    yield "rejected_connections", stats.rejected_connections
    yield "sync_full", 0
    yield "sync_partial_ok", 0
    yield "sync_partial_err", 0
    yield "expired_subkeys", sum(db.expired_fields for db in server.databases)
    yield "expired_keys", sum(db.expired for db in server.databases)
    yield "expired_stale_perc", f"{_stale_percentage(server):.2f}"
    yield "expired_time_cap_reached_count", stats.expire_cut_short
    yield "expire_cycle_cpu_milliseconds", stats.expire_us // 1000
    yield "evicted_keys", stats.evicted_keys
    yield "evicted_clients", stats.evicted_clients
    yield "evicted_scripts", stats.evicted_scripts
    yield "total_eviction_exceeded_time", server.limit.exceeded_ms + server.limit.exceeded_for_ms()
    yield "current_eviction_exceeded_time", server.limit.exceeded_for_ms()
    yield "keyspace_hits", stats.keyspace_hits
    yield "keyspace_misses", stats.keyspace_misses
    yield "pubsub_channels", len(server.pubsub.channels.audiences)
    yield "pubsub_patterns", len(server.pubsub.patterns.audiences)
    yield "pubsubshard_channels", len(server.pubsub.shard_channels.audiences)
    yield "latest_fork_usec", stats.last_fork_us
    yield "total_forks", stats.forks
    yield "migrate_cached_sockets", 0
    yield "slave_expires_tracked_keys", 0
    yield "tracking_total_keys", server.tracking.keys
    yield "tracking_total_items", server.tracking.items
    yield "tracking_total_prefixes", len(server.tracking.prefixes)
    yield "unexpected_error_replies", stats.unexpected_errors
    yield "total_error_replies", stats.error_replies
    yield "total_reads_processed", stats.reads
    yield "total_writes_processed", stats.writes
    yield "client_query_buffer_limit_disconnections", stats.query_limit_closed
    yield "client_output_buffer_limit_disconnections", stats.output_limit_closed
    yield "eventloop_cycles", stats.loop_cycles
    yield "eventloop_duration_sum", stats.loop_us
    yield "eventloop_duration_cmd_sum", int(sum(spec.usec for spec in server.specs.values()))
    yield "eventloop_duration_max", stats.longest_tick_us
    yield "instantaneous_eventloop_cycles_per_sec", int(cycles_per_s)
    yield "instantaneous_eventloop_duration_usec", int(loop_us_per_s / cycles_per_s) if cycles_per_s else 0
    yield "acl_access_denied_auth", refused["auth"]
    yield "acl_access_denied_cmd", refused["command"]
    yield "acl_access_denied_key", refused["key"]
    yield "acl_access_denied_channel", refused["channel"]
    if server.config.compat_version >= (8, 6):
        yield "acl_access_denied_tls_cert", 0  # respq does not speak TLS
    if server.config.compat_version >= (8, 8):
        yield from _stats_since_8_8(server)


def _stats_since_8_8(server: Server) -> Fields:
    """In the form of Redis 8.8: the slow log as a whole, and how clients send."""
    slow, reads = server.stats.slow.values(), server.stats.from_clients
    yield "slowlog_commands_count", sum(calls.count for calls in slow)
    yield "slowlog_commands_time_ms_sum", f"{sum(calls.sum_us for calls in slow) / 1000:.2f}"
    yield "slowlog_commands_time_ms_max", f"{max((calls.max_us for calls in slow), default=0) / 1000:.2f}"
    yield "total_client_processing_events", reads.events
    yield "eventloop_cycles_with_clients_processing", server.stats.cycles_with_clients
    yield "commands_per_parse_batch_sum", reads.commands
    yield "commands_per_parse_batch_cnt", reads.batches
    yield "commands_per_parse_batch_avg", f"{reads.commands / max(1, reads.batches):.2f}"


def _rates(server: Server) -> tuple[float, ...]:
    """Per second, over the last samples: commands, bytes in and out, cycles of the loop and their time."""
    samples = server.stats.samples
    if len(samples) < 2 or samples[-1][0] <= samples[0][0]:
        return 0.0, 0.0, 0.0, 0.0, 0.0
    first, last = samples[0], samples[-1]
    seconds = (last[0] - first[0]) / 1000
    return tuple(max(0, last[at] - first[at]) / seconds for at in range(1, len(last)))


def _replication(server: Server) -> Fields:
    yield "role", "master"
    yield "connected_slaves", 0
    if server.config.min_replicas_to_write and server.config.min_replicas_max_lag:
        yield "min_slaves_good_slaves", 0
    yield "master_failover_state", "no-failover"
    yield "master_replid", server.replication_id
    yield "master_replid2", "0" * 40
    yield "master_repl_offset", 0
    yield "second_repl_offset", -1
    yield "repl_backlog_active", 0
    yield "repl_backlog_size", server.config.repl_backlog_size
    yield "repl_backlog_first_byte_offset", 0
    yield "repl_backlog_histlen", 0


def _cpu(server: Server) -> Fields:
    for suffix, used in (
        ("", process.cpu_seconds()),
        ("_children", process.children_cpu_seconds()),
        ("_main_thread", process.thread_cpu_seconds()),
    ):
        yield f"used_cpu_sys{suffix}", f"{used.system:.6f}"
        yield f"used_cpu_user{suffix}", f"{used.user:.6f}"


def _modules(server: Server) -> Fields:
    yield from ()


def _commandstats(server: Server) -> Fields:
    slow = server.stats.slow if server.config.compat_version >= (8, 8) else {}
    for spec in server.specs.values():
        if spec.calls or spec.rejected_calls or spec.failed_calls:
            yield f"cmdstat_{spec.fullname}", _calls(spec) + _slow_calls(slow.get(spec.fullname))


def _calls(spec: Spec) -> str:
    usec = max(0.0, spec.usec)
    per_call = usec / spec.calls if spec.calls else 0.0
    return (
        f"calls={spec.calls},usec={int(usec)},usec_per_call={per_call:.2f},"
        f"rejected_calls={spec.rejected_calls},failed_calls={spec.failed_calls}"
    )


def _slow_calls(calls: SlowCalls | None) -> str:
    """What Redis 8.8 adds for a command that was slow."""
    if calls is None:
        return ""
    return (
        f",slowlog_count={calls.count},slowlog_time_ms_sum={calls.sum_us / 1000:.2f},"
        f"slowlog_time_ms_max={calls.max_us / 1000:.2f}"
    )


def _errorstats(server: Server) -> Fields:
    for prefix, count in sorted(server.stats.errors.items()):
        yield f"errorstat_{prefix.replace(':', '_')}", f"count={count}"


def _latencystats(server: Server) -> Fields:
    if not server.config.latency_tracking:
        return
    wanted = server.config.latency_tracking_info_percentiles.split()
    for spec in server.specs.values():
        if spec.latencies.calls:
            found = zip(wanted, spec.latencies.percentiles(list(map(float, wanted))), strict=True)
            yield (
                f"latency_percentiles_usec_{spec.fullname}",
                ",".join([f"p{percent}={latency_us:.3f}" for percent, latency_us in found]),
            )


def _cluster(server: Server) -> Fields:
    yield "cluster_enabled", 0


def _keyspace(server: Server) -> Fields:
    for db in server.databases:
        if len(db):
            ttl_ms = _average_ttl_ms(db)
            counts = f"keys={len(db)},expires={db.expiring},avg_ttl={ttl_ms},subexpiry={db.fields_expiring}"
            yield f"db{db.index}", counts


def _keysizes(server: Server) -> Fields:
    for db in server.databases:
        if len(db):
            weighed = memory_distributions(db) if server.config.key_memory_histograms else ()
            for name, counts in (*distributions(db), *weighed):
                yield f"db{db.index}_distrib_{name}", ",".join(f"{size}={n}" for size, n in counts.items())


def _average_ttl_ms(db: Database) -> int:
    """The mean of what the expiring ones among some keys have left to live."""
    deadlines = _sampled_deadlines(db)
    return max(0, sum(deadlines) // len(deadlines) - db.clock.now_ms) if deadlines else 0


def _stale_percentage(server: Server) -> float:
    """How many in a hundred of some keys with an expiry have expired and not been deleted yet."""
    deadlines = [at_ms for db in server.databases for at_ms in _sampled_deadlines(db)]
    stale = sum(at_ms <= server.clock.now_ms for at_ms in deadlines)
    return 100 * stale / len(deadlines) if deadlines else 0.0


def _sampled_deadlines(db: Database) -> list[int]:
    """When the expiring ones among some keys, evenly spread, end. O(SAMPLED_KEYS)."""
    if not db.expiring:
        return []
    sampled = db.keys[:: max(1, len(db) // SAMPLED_KEYS)]
    return [at_ms for name in sampled if (at_ms := db.values[name].expires_ms)]


_SECTIONS: dict[str, Callable[[Server], Fields]] = {
    "server": _server,
    "clients": _clients,
    "memory": _memory,
    "persistence": _persistence,
    "threads": _threads,
    "stats": _stats,
    "replication": _replication,
    "cpu": _cpu,
    "modules": _modules,
    "commandstats": _commandstats,
    "errorstats": _errorstats,
    "latencystats": _latencystats,
    "cluster": _cluster,
    "keyspace": _keyspace,
    "keysizes": _keysizes,
}
ON_REQUEST = {"commandstats", "latencystats"}  # not in INFO without arguments
