"""RESP as bytes: rendering commands, and parsing replies without losing a byte.

A reply is parsed into nodes `(kind, payload)`: `kind` is the type byte, `payload` the raw text for
simple types and bulks, a list of nodes for aggregates, None for nulls. Two replies are the same
bytes exactly if their nodes are equal, because a length that is not written canonically is refused.
Most replies are never parsed: whole streams are compared first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

Argv = list[bytes]
Node = tuple[bytes, Any]  # (type byte, bytes | list[Node] | None)

SHORT = {b"$%d" % size: size for size in range(256)}  # headers of bulk strings


class Incomplete(Exception):
    """The bytes end within a reply."""


class Malformed(Exception):
    """The bytes are not RESP."""


def render(argv: Argv) -> bytes:
    """One command as a client library sends it."""
    return b"".join([b"*%d\r\n" % len(argv), *[b"$%d\r\n%b\r\n" % (len(a), a) for a in argv]])


def parse(data: bytes, at: int = 0) -> tuple[Node, int]:
    """The reply that starts at `at`, and where the next one starts."""
    end = data.find(b"\r\n", at)
    if end < 0:
        raise Incomplete
    kind, text, at = data[at : at + 1], data[at + 1 : end], end + 2
    if kind in b"+-:_,#(":
        return (kind, text), at
    if kind not in b"$=!*~>%|":
        raise Malformed(data[at - len(text) - 3 :][:80])
    if text == b"-1":
        return (kind, None), at
    size = int(text)
    if text != b"%d" % size:
        raise Malformed(text)
    return _bulk(kind, data, at, size) if kind in b"$=!" else _aggregate(kind, data, at, size)


def _bulk(kind: bytes, data: bytes, at: int, size: int) -> tuple[Node, int]:
    if len(data) < at + size + 2:
        raise Incomplete
    if data[at + size : at + size + 2] != b"\r\n":
        raise Malformed(data[at : at + size + 2][-80:])
    return (kind, data[at : at + size]), at + size + 2


def _aggregate(kind: bytes, data: bytes, at: int, size: int) -> tuple[Node, int]:
    """Short bulk strings, of which most consist, are read in place: half of the time of `parse`."""
    nodes: list[Node] = []
    for _ in range(size * 2 if kind in b"%|" else size):
        end = data.find(b"\r\n", at)
        length = SHORT.get(data[at:end]) if end > 0 else None
        if length is not None and data.startswith(b"\r\n", end + 2 + length):
            node: Node = (b"$", data[end + 2 : end + 2 + length])
            at = end + length + 4
        else:
            node, at = parse(data, at)
        nodes.append(node)
    return (kind, nodes), at


def parse_all(data: bytes, like: bytes = b"") -> tuple[Node, ...]:
    """Every reply in `data`; a rest that is no complete reply becomes a node of kind `?`.

    `like` is a stream parsed before: what both have at the same place is taken from there, which is most of
    it. The ways of delivering one sequence are compared with the same few streams: these are remembered.
    """
    if (replies := _remembered.get(data)) is None:
        if len(_remembered) >= REMEMBERED:
            del _remembered[next(iter(_remembered))]
        replies = _remembered[data] = _replies(data, _remembered.get(like, ()))
    return tuple(node for _, node in replies)


REMEMBERED = 16  # streams
_remembered: dict[bytes, Sequence[tuple[bytes, Node]]] = {}  # the bytes and the node of each reply


def _replies(data: bytes, others: Sequence[tuple[bytes, Node]]) -> Sequence[tuple[bytes, Node]]:
    """Of the rest that is no reply the bytes are left out: it may be the beginning of one."""
    replies: list[tuple[bytes, Node]] = []
    at, known = 0, iter(others)
    while at < len(data):
        raw, node = next(known, UNKNOWN)
        if not raw or not data.startswith(raw, at):
            start = at
            try:
                node, at = parse(data, at)
            except (Incomplete, Malformed):
                return [*replies, (b"", (b"?", data[start:]))]
            raw = data[start:at]
        else:
            at += len(raw)
        replies.append((raw, node))
    return replies


UNKNOWN: tuple[bytes, Node] = (b"", (b"?", b""))


def without_annotations(log: bytes) -> bytes:
    """The commands of an append-only file, without the lines that redis-server passes over."""
    kept, at = [], 0
    while at < len(log):
        end = log.index(b"\r\n", at) + 2 if log.startswith(b"#", at) else parse(log, at)[1]
        kept.append(b"" if log.startswith(b"#", at) else log[at:end])
        at = end
    return b"".join(kept)


# What comes to who is subscribed: in RESP2 as an array that is nobody's reply.
PUSHED = {b"message", b"pmessage", b"smessage"}
CONFIRMED = {prefix + word for prefix in (b"", b"p", b"s") for word in (b"subscribe", b"unsubscribe")}


def is_push(node: Node) -> bool:
    """Whether a node is no reply: a push, or what is one in RESP3.

    COMMAND LIST comes in the order of a hash table, and may begin with the name of such a command.
    """
    kind, words = node
    if kind != b"*" or not words or words[0][0] != b"$":
        return bool(kind == b">")
    first = words[0][1]
    if first in CONFIRMED:
        return len(words) == 3 and words[2][0] == b":"
    return first in PUSHED and len(words) == (4 if first == b"pmessage" else 3)


def split_pushes(nodes: Iterable[Node]) -> tuple[list[Node], list[Node]]:
    """Replies and pushes apart, each in their order."""
    replies: list[Node] = []
    pushes: list[Node] = []
    for node in nodes:
        (pushes if is_push(node) else replies).append(node)
    return replies, pushes


def plain(node: Node) -> Any:
    """Python values for a node, for code that only wants to read a reply (maps become dicts)."""
    kind, payload = node
    if isinstance(payload, list):
        items = [plain(item) for item in payload]
        return dict(zip(items[::2], items[1::2], strict=True)) if kind == b"%" else items
    if kind == b":":
        return int(payload)
    return None if kind == b"_" else payload


def show(node: Node, limit: int = 300) -> str:
    """One line for a report."""
    kind, payload = node
    if isinstance(payload, list):
        text = f"[{', '.join(show(item) for item in payload[:40])}]"
    else:
        text = "nil" if payload is None else repr(payload)[1:]
    return kind.decode() + (text if len(text) <= limit else f"{text[:limit]}… ({len(text)} characters)")
