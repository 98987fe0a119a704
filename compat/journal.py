"""What real workers have done, as they wrote it down themselves: a file that no server knows of.

A worker's function calls `note`; the test that had it called reads with `Journal`. So "never lost" and
"how often" do not rest on what is being tested.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from compat.processes import eventually

JOURNAL = "COMPAT_JOURNAL"  # environment of a worker: where it writes


def note(mark: str, *words: object) -> None:
    """Append a line to the journal, in one write, so that the lines of processes do not mix."""
    line = json.dumps([mark, time.time(), *words]) + "\n"
    descriptor = os.open(os.environ[JOURNAL], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)


class Journal:
    """The lines: mark, Unix time in seconds, further words."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read = 0  # bytes of the file
        self._entries: dict[str, list[list[Any]]] = {}  # by mark
        path.touch()

    def entries(self, mark: str) -> list[list[Any]]:
        """The lines with a mark: the time and the words of each. Reads what is new in the file."""
        with self.path.open("rb") as lines:
            lines.seek(self._read)
            complete, end, _ = lines.read().rpartition(b"\n")
        self._read += len(complete) + len(end)
        for line in complete.splitlines():
            found, *entry = json.loads(line)
            self._entries.setdefault(found, []).append(entry)
        return self._entries.get(mark, [])

    def words(self, mark: str) -> list[list[Any]]:
        return [words for _, *words in self.entries(mark)]

    def await_entries(self, mark: str, count: int, seconds: float = 60.0) -> list[list[Any]]:
        """The lines with a mark as soon as there are `count`."""

        def enough() -> list[list[Any]]:
            found = self.entries(mark)
            return found if len(found) >= count else []

        return eventually(enough, f"{count} × {mark} in the journal", seconds)

    def await_words(self, mark: str, count: int) -> list[list[Any]]:
        """The words of the lines with a mark as soon as there are `count`."""
        return [words for _, *words in self.await_entries(mark, count)]
