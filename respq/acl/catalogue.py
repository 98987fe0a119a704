"""The commands as rules name them: `get`, `config|get`, and `@category` for many at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property


class Catalogue:
    """Names of commands and categories, in lower case. `categories_of` is asked once a rule needs it."""

    def __init__(
        self,
        names: Iterable[bytes],
        category_names: Iterable[bytes],
        categories_of: Callable[[bytes], Iterable[bytes]],
    ) -> None:
        self.names = frozenset(names)
        self._category_names = category_names
        self._categories_of = categories_of

    @cached_property
    def categories(self) -> dict[bytes, frozenset[bytes]]:
        """The commands of each category, subcommands among them."""
        members: dict[bytes, set[bytes]] = {category: set() for category in self._category_names}
        for name in self.names:
            for category in self._categories_of(name):
                members[category].add(name)
        return {category: frozenset(names) for category, names in members.items()}

    @cached_property
    def subcommands(self) -> dict[bytes, frozenset[bytes]]:
        """The subcommands of each container."""
        found: dict[bytes, set[bytes]] = {}
        for name in self.names:
            container, bar, _ = name.partition(b"|")
            if bar:
                found.setdefault(container, set()).add(name)
        return {container: frozenset(names) for container, names in found.items()}
