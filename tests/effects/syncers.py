"""Syncers without a thread, for tests that have but one."""

from __future__ import annotations

from typing import cast

from respq.effects.files import Files
from respq.effects.syncing import Syncer
from tests.effects.disk import Disk


class ImmediateSyncer(Syncer):
    """Has synced when `start` returns."""

    def __init__(self, files: Files) -> None:
        super().__init__(files, -1)

    def _begin(self, fd: int) -> None:
        self._sync()

    def collect(self) -> None:
        pass

    def wait(self) -> None:
        pass

    def close(self) -> None:
        pass


class SteppedSyncer(Syncer):
    """Syncs on a disk in memory when a test says so, or when somebody waits for it."""

    def __init__(self, files: Files) -> None:
        super().__init__(files, -1)

    def _begin(self, fd: int) -> None:
        cast(Disk, self._files).begin_sync(fd)

    def step(self) -> None:
        """End the sync that is under way, if one is."""
        if self.busy:
            self._sync()

    def collect(self) -> None:
        pass

    def wait(self) -> None:
        self.step()

    def close(self) -> None:
        self.step()
