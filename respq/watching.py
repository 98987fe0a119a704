"""Watched keys: who is to hear at EXEC that a key has changed since WATCH."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, Protocol, TypeVar

from respq.keyspace import Database

Place = tuple[Database, bytes]


class Watcher(Hashable, Protocol):
    """What is asked of a client."""

    db: Database
    dirty: bool  # a watched key changed
    watched: list[Place]


W = TypeVar("W", bound=Watcher)


class Watchers(dict[Place, dict[W, None]], Generic[W]):
    """Who watches a key, for every key that is watched."""

    def watch(self, client: W, key: bytes) -> None:
        """Mark `client` dirty when `key` of its database changes, unless it is. O(1)."""
        if client.dirty:
            return
        where = (client.db, key)
        queue = self.setdefault(where, {})
        if client not in queue:
            queue[client] = None
            client.watched.append(where)

    def make_dirty(self, where: Place) -> None:
        """Let the next EXEC of all who watch a key fail; they watch nothing any more. O(keys they watch)."""
        for client in list(self[where]):
            self.unwatch(client)
            client.dirty = True

    def unwatch(self, client: W) -> None:
        """Forget what `client` watches, and that it changed. O(keys)."""
        for where in client.watched:
            queue = self.get(where)
            if queue is not None:
                queue.pop(client, None)
                if not queue:
                    del self[where]
        client.watched.clear()
        client.dirty = False
