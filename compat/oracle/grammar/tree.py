"""The argument trees of `COMMAND DOCS`, read from the oracle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from compat.oracle.wire import Node, plain


@dataclass(frozen=True)
class Argument:
    """One node of the tree; `kind` is key, string, integer, oneof, block, or pure-token, among others."""

    name: str
    kind: str
    token: bytes
    flags: frozenset[str]
    parts: tuple[Argument, ...]

    @property
    def optional(self) -> bool:
        return "optional" in self.flags

    @property
    def multiple(self) -> bool:
        return "multiple" in self.flags

    @property
    def is_option(self) -> bool:
        """Optional and recognised by a word, so that it may stand in any order among its like."""
        return self.optional and (bool(self.token) or (self.kind == "oneof" and self._all_words))

    @property
    def _all_words(self) -> bool:
        return all(part.token for part in self.parts)

    def choices(self) -> Iterator[str]:
        """Names of everything a caller may choose: optional arguments, and alternatives."""
        if self.optional:
            yield self.name
        yield from self._inner_choices()

    def _inner_choices(self) -> Iterator[str]:
        for part in self.parts:
            if self.kind == "oneof":
                yield f"{self.name}.{part.name}"
                yield from part._inner_choices()
            else:
                yield from part.choices()


Trees = Mapping[str, tuple[Argument, ...]]  # by command, as `LPOS` or `CLIENT|KILL`


def read_trees(docs: Node) -> Trees:
    """The arguments of every command in a reply to COMMAND DOCS."""
    trees: dict[str, tuple[Argument, ...]] = {}
    for name, entry in _map(plain(docs)).items():
        trees[name.decode().upper()] = _arguments(_map(entry))
        for sub, subentry in _map(_map(entry).get(b"subcommands", [])).items():
            trees[sub.decode().upper()] = _arguments(_map(subentry))
    return trees


def _arguments(entry: dict[bytes, Any]) -> tuple[Argument, ...]:
    return tuple(map(_argument, entry.get(b"arguments", [])))


def _argument(flat: Any) -> Argument:
    entry = _map(flat)
    return Argument(
        entry[b"name"].decode(),
        entry[b"type"].decode(),
        entry.get(b"token", b""),
        frozenset(flag.decode() for flag in entry.get(b"flags", [])),
        tuple(map(_argument, entry.get(b"arguments", []))),
    )


def _map(flat: Any) -> dict[bytes, Any]:
    """A RESP2 map as a dict (a RESP3 one already is)."""
    return flat if isinstance(flat, dict) else dict(zip(flat[::2], flat[1::2], strict=True))
