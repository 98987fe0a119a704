"""BACKUP: a copy of the data as of one moment, made while the server goes on (see `respq.backups`).

As the manual of Redis 8.10 has it, which has no texts of errors: these are our own.
"""

from __future__ import annotations

from respq.command import ADMIN, LOADING, NOSCRIPT, STALE, Argv, Client, command, container
from respq.commands.help import help_reply
from respq.protocol.resp import OK, bulk, bulks

CHANGING = ADMIN | NOSCRIPT

container("BACKUP", group="server", since="8.10.0", summary="Commands that make a copy of the data")


@command("BACKUP|START", arity=2, flags=CHANGING, group="server", since="8.10.0")
def backup_start(c: Client, argv: Argv) -> bytes:
    """Begin a backup into the directory `backupdirname`, which must be empty."""
    c.server.start_backup()
    return OK


@command("BACKUP|SEAL", arity=2, flags=CHANGING, group="server", since="8.10.0")
def backup_seal(c: Client, argv: Argv) -> bytes:
    """End a backup: it holds everything that was answered before, and does not change any more."""
    return c.server.seal_backup(c, argv)


@command("BACKUP|ABORT", arity=2, flags=CHANGING, group="server", since="8.10.0")
def backup_abort(c: Client, argv: Argv) -> bytes:
    """Give up a backup that has not been sealed, and delete its files."""
    c.server.abort_backup()
    return OK


@command("BACKUP|CLEANUP", arity=2, flags=CHANGING, group="server", since="8.10.0")
def backup_cleanup(c: Client, argv: Argv) -> bytes:
    """Delete the files of a backup that has been sealed, or has failed."""
    c.server.clean_backup()
    return OK


@command("BACKUP|LIST", arity=2, flags=ADMIN | STALE, group="server", since="8.10.0")
def backup_list(c: Client, argv: Argv) -> bytes:
    """The files of a backup that do not change any more and may be copied, as absolute paths."""
    return bulks([bytes(path) for path in c.server.backup.paths])


@command("BACKUP|STATUS", arity=2, flags=ADMIN | STALE, group="server", since="8.10.0")
def backup_status(c: Client, argv: Argv) -> bytes:
    """How far a backup is, why it failed, when it was begun and when it was sealed (Unix time)."""
    status = c.server.backup
    fields = {
        "state": status.state,
        "error": status.error,
        "start_time": status.start_s,
        "end_time": status.end_s,
    }
    return c.enc.map([(bulk(name.encode()), bulk(str(said).encode())) for name, said in fields.items()])


@command("BACKUP|HELP", arity=2, flags=LOADING | STALE, group="server", since="8.10.0")
def backup_help(c: Client, argv: Argv) -> bytes:
    """List the forms of BACKUP."""
    return help_reply("BACKUP", """
        ABORT
            Give up the backup that is in progress.
        CLEANUP
            Delete the files of a backup that is sealed or has failed.
        LIST
            Show the files of the backup that may be copied.
        SEAL
            End the backup, so that it can be copied as a whole.
        START
            Begin a backup.
        STATUS
            Show how far it is: idle, pending, snapshotting, incrementing, sealed or failed.
        """)  # fmt: skip
