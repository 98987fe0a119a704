"""Commands that no family writes at random: why, or where they are compared instead."""

from __future__ import annotations

from respq.commands.cluster import SUBCOMMANDS


def _each(names: str, reason: str) -> dict[str, str]:
    return dict.fromkeys(names.split(), reason)


ELSEWHERE = {
    "ACL|DRYRUN": "of every command of every family: test_acl.py",
    **_each("ACL|LOAD ACL|SAVE", "both servers on one file: test_acl_file.py"),
    "BGREWRITEAOF": "forks: test_persistence.py",
    "BGSAVE": "forks: compat/rdb",
    "SAVE": "writes a file: compat/rdb",
    **_each("CLIENT|CACHING CLIENT|TRACKING CLIENT|TRACKINGINFO", "with its pushes: test_tracking.py"),
    "COMMAND": "all of it: test_command_info.py",
    "FUNCTION|FLUSH": "redis-server 8.2.3 may crash: tests/scripting/functions.jsonl",
    "MIGRATE": "needs another server: compat/rdb/test_migrate.py",
    **_each("MODULE|LOAD MODULE|LOADEX MODULE|UNLOAD", "refused: test_refused.py"),
    **_each("MODULE|LIST MODULE|HELP", "redis-server 8.2.3 has a module: tests/commands"),
    "MONITOR": "its output has times in it: test_scenarios.py",
    **_each("REPLICAOF SLAVEOF REPLCONF FAILOVER", "test_operation.py"),
    "PSYNC": "an error of our own: tests/commands",
    "SYNC": "an error of our own, or a snapshot: compat/clients/test_redis_cli.py",
    **dict.fromkeys(
        ("LATENCY|LATEST", "LATENCY|HISTORY", "LATENCY|RESET", "LATENCY|GRAPH", "LATENCY|HELP"),
        "test_operation.py",
    ),
    **dict.fromkeys(("LATENCY|HISTOGRAM", "LATENCY|DOCTOR"), "measurements: test_operation.py"),
    "RESTORE-ASKING": "is RESTORE, as nodes of a cluster call it: tests/commands/test_dumping.py",
    "SCRIPT|DEBUG": "redis-server asks for it outside of a pipeline, and respq has no debugger",
    "SHUTDOWN": "ends the server: tests/process",
    **_each("READONLY READWRITE ASKING", "refused: test_refused.py"),
    **{f"CLUSTER|{name}": "refused: test_refused.py" for name, *_ in SUBCOMMANDS},
    "PFSELFTEST": "a second of work each time, and one reply: tests/commands",
    **_each(
        "BLMOVEM LMOVEM DELEX DELIFEQ DIGEST MSETEX INCREX SUNIONCARD SDIFFCARD",
        "came after the reference: tests/commands",
    ),
    **_each("HIMPORT|PREPARE HIMPORT|SET HIMPORT|DISCARD HIMPORT|DISCARDALL", "likewise"),
    **_each(
        "CLIENT|CAPA CLIENT|IMPORT-SOURCE COMMANDLOG|GET COMMANDLOG|LEN COMMANDLOG|RESET COMMANDLOG|HELP",
        "of Valkey: test_valkey.py",
    ),
    **_each(
        "BACKUP|START BACKUP|SEAL BACKUP|ABORT BACKUP|CLEANUP BACKUP|LIST BACKUP|STATUS BACKUP|HELP",
        "came after the reference: tests/test_backups.py, compat/aof/test_backups.py",
    ),
    **_each("HOTKEYS|START HOTKEYS|GET HOTKEYS|STOP HOTKEYS|RESET HOTKEYS|HELP", "likewise"),
    **_each("XCFGSET XIDMPRECORD XNACK", "came after the reference: tests/commands, and compat/clients"),
}
