"""The rewrite: replacing a log that has grown by a new base, without stopping.

    begin     1 write and sync what the present increment lacks
              2 create the next increment, empty, and sync the directory
              3 replace the manifest by one that lists it as well; from here on it takes the writes
              4 start the snapshot, which writes `temp-rewriteaof-<n>.aof` and syncs it
    finish    5 rename that to the new base, sync the directory
              6 replace the manifest: new base, new increment; everything else is history
              7 delete the history, then replace the manifest by one without it

Killed or without power between any two steps, the manifest lists a complete log: until 6 the old base and
every increment, from 6 on the new base and the new increment. Step 1 is what makes that true for a loss of
power: otherwise the new increment might reach the disk before the end of the old one, and the log have a
hole. It stops the loop (27 ms for 100 MB on an SSD), so most of it is done before, on the thread that syncs
(`AppendOnlyFile.prepare_rewrite`); what is left was written in the last tenth of a second. The snapshot
starts in the tick in which the file changes, with nothing buffered, so each change is in exactly one of the
two.

A failure before 3 leaves the log as it was; between 3 and 6 it has one increment more, which is how Redis
leaves it too, and loads the same; after 6 only history stays behind, and goes at the next occasion. A
failed sync of the directory after a rename is the exception: which manifest would survive is unknown, so
the server stops; both that could are complete.

When the log is switched on while the server runs there is no old log to go on with: the increment is then
a temporary file that enters the manifest in step 6 together with the base (`LogSet.join`); until then there
is no log, so that a server that is killed and started again begins with its snapshot.
"""

from __future__ import annotations

import logging

from respq.effects.files import AofError, discard, sync_directory
from respq.effects.logset import LogSet
from respq.effects.manifest import LogFile
from respq.effects.snapshot import Base, TakeSnapshot
from respq.effects.writer import LogWriter

log = logging.getLogger(__name__)


def should_rewrite(current_bytes: int, base_bytes: int, percentage: int, min_bytes: int) -> bool:
    """Tell whether a log has grown by `percentage` over its base (0: never) and beyond `min_bytes`."""
    if percentage <= 0 or current_bytes <= min_bytes:
        return False
    base = base_bytes or 1
    return current_bytes * 100 // base - 100 >= percentage


class Rewrite:
    """One rewrite of the log `log_set`, which `writer` writes to. Begins with its construction.

    Raises `AofError` if it cannot begin, with the log as it was before or with one increment more.
    """

    def __init__(self, log_set: LogSet, writer: LogWriter, take_snapshot: TakeSnapshot, base: Base) -> None:
        self._set = log_set
        self._writer = writer
        self._files = log_set.files
        try:
            self._increment = self._begin_increment()
            self._base = log_set.manifest.next_base(log_set.filename, base.form)
            self._temporary = log_set.directory / f"temp-rewriteaof-{self._base.seq}.aof"
            self._snapshot = take_snapshot(self._files, self._temporary, base.pieces)
        except OSError as error:
            raise AofError(f"{log_set.directory}: cannot begin a rewrite: {error.strerror}") from error

    def _begin_increment(self) -> LogFile:
        """Let the writer go on in a new increment, which starts where the snapshot is taken."""
        if self._writer.path in map(self._set.path, self._set.manifest.increments):
            increment = self._set.next_increment(self._writer.position)
            self._set.add(increment, self._writer)
            return increment
        self._set.begin_joining(self._writer)
        return self._set.next_increment(self._writer.position)

    def poll(self) -> bool | None:
        """Return None while it goes on, then whether it succeeded; the log is then the new one."""
        done = self._snapshot.poll()
        if done is None:
            return None
        if not done:
            log.error("rewrite of the log failed: %s", self._snapshot.report)
        else:
            done = self._adopt()
        if not done:
            discard(self._files, self._temporary)
        return done

    def _adopt(self) -> bool:
        """Make the snapshot and the increment the log."""
        base = self._set.path(self._base)
        try:
            self._files.rename(self._temporary, base)
            try:
                self._set.join(self._increment, self._writer)
                sync_directory(self._files, self._set.directory)
                self._set.replace(self._set.manifest.rewritten(self._base, self._increment))
            except OSError:
                discard(self._files, base)
                raise
        except OSError as error:
            log.error("rewrite of the log failed at its end: %s", error)
            return False
        self._set.end_beginning()
        self._set.delete_history()
        return True

    @property
    def private_bytes(self) -> int:
        """Memory that the snapshot cost."""
        return self._snapshot.private_bytes

    @property
    def fork_us(self) -> int:
        """How long the process stood still for it."""
        return self._snapshot.fork_us

    def cancel(self) -> None:
        """Give up; the log stays as it is."""
        self._snapshot.cancel()
        discard(self._files, self._temporary)
