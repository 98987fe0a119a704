"""Streams: XDELEX and XACKDEL, which delete entries with regard to the groups that refer to them.

A group refers to an entry that it has not read yet, and to one that is pending in it. KEEPREF leaves that
alone, DELREF acknowledges the entry in all groups, ACKED deletes it only if no group refers to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress
from typing import NamedTuple

from respq.command import FAST, WRITE, Argv, Client, command, key
from respq.commands.arguments import as_int
from respq.commands.streams import ACKED, DELREF, KEEPREF, POLICIES, entry_texts
from respq.datatypes.consumer_groups import Group
from respq.datatypes.entry_ids import number_of
from respq.datatypes.streams import StreamValue
from respq.errors import CommandError, syntax_error
from respq.protocol.resp import ONE, array, integer
from respq.protocol.runs import Run

MISSING, REFERRED_TO = integer(-1), integer(2)  # in replies, where ONE is for an entry that was deleted


class Deletion(NamedTuple):
    """What is to be deleted, and how; IDs as they were spelled."""

    policy: bytes
    words: list[bytes]


def _parse_deletion(argv: Argv, at: int) -> Deletion:
    policy, words = b"", None
    while at < len(argv):
        option = argv[at].upper()
        if option in POLICIES and not policy:
            policy = option
        elif option == b"IDS" and at + 1 < len(argv):
            count = as_int(argv[at + 1]) or 0
            if count <= 0:
                raise CommandError("Number of IDs must be a positive integer")
            words = argv[at + 2 : at + 2 + count]
            if len(words) < count:
                raise CommandError("The `numids` parameter must match the number of arguments")
            at += 1 + count
        else:
            raise syntax_error()
        at += 1
    if words is None:
        raise syntax_error()
    return Deletion(policy or KEEPREF, words)


def _delete(stream: StreamValue, texts: Sequence[bytes], policy: bytes) -> list[bytes]:
    """Delete entries; the answers to that."""
    ids = list(map(number_of, texts))
    if policy != ACKED:
        return [ONE if there else MISSING for there in stream.delete(ids)]
    referred_to = list(map(stream.is_referred_to, ids, texts))
    deleted = iter(
        stream.delete([entry_id for entry_id, kept in zip(ids, referred_to, strict=True) if not kept])
    )
    return [REFERRED_TO if kept else ONE if next(deleted) else MISSING for kept in referred_to]


@command("XDELEX", arity=-5, flags=WRITE | FAST, keys=(key(1, "RW delete"),), group="stream", since="8.2.0",
         syntax="key [KEEPREF | DELREF | ACKED] <IDS numids id [id ...]>",
         complexity="O(log n) for each ID and group",
         argument_groups="condition ids")  # fmt: skip
def xdelex(c: Client, argv: Argv) -> bytes:
    """Delete entries, or leave those that groups refer to; the answer is what became of each."""
    db, name = c.db, argv[1]
    stream = db.find(name, StreamValue)
    policy, words = _parse_deletion(argv, 2)
    if stream is None:
        return array([MISSING] * len(words))
    texts = entry_texts(words)
    released = stream.forget(texts) if policy == DELREF else False
    replies = _delete(stream, texts, policy)
    if ONE in replies:
        c.effects.append((db, name, "xdel", argv))
    elif released:
        c.effects.append((db, None, None, argv))
    return array(replies)


def _acknowledge_and_delete(
    stream: StreamValue, group: Group, texts: Sequence[bytes], policy: bytes
) -> list[bytes]:
    """Do that with entries that are pending in the group; the answers."""
    taken = [delivery is not None for delivery in group.pending.take(texts)]
    released = list(compress(texts, taken))
    if policy == DELREF:
        stream.forget(released)
    answers = iter([ONE if answer is MISSING else answer for answer in _delete(stream, released, policy)])
    return [next(answers) if one else MISSING for one in taken]


def _xackdel_run(c: Client, run: Run) -> bytes | None:
    """Entries of one group, one in each command."""
    db, name = c.db, run.shared[1] if len(run.shared) > 2 else b""
    if not run.last:
        return None
    try:
        policy, words = _parse_deletion([*run.shared, run.last[0]], 3)
        stream, texts = db.find(name, StreamValue), entry_texts(run.last)
    except CommandError:
        return None
    group = stream.groups.get(run.shared[2]) if stream is not None else None
    if stream is None or group is None or words != [run.last[0]]:
        return None
    c.server.stats.keyspace_hits += run.count
    answers = _acknowledge_and_delete(stream, group, texts, policy)
    if answers.count(MISSING) < len(answers):
        c.effects.append((db, name, None, run))
    return b"*1\r\n%b" % b"*1\r\n".join(answers)


@command("XACKDEL", arity=-6, flags=WRITE | FAST, keys=(key(1, "RW update delete"),), group="stream",
         since="8.2.0", syntax="key group [KEEPREF | DELREF | ACKED] <IDS numids id [id ...]>",
         complexity="O(log n) for each ID and group", bulk=_xackdel_run,
         argument_groups="condition ids")  # fmt: skip
def xackdel(c: Client, argv: Argv) -> bytes:
    """Acknowledge entries and delete them, unless groups refer to them; the answer is what became of each."""
    db, name = c.db, argv[1]
    stream = c.read(name, StreamValue)
    policy, words = _parse_deletion(argv, 3)
    group = stream.groups.get(argv[2]) if stream is not None else None
    if stream is None or group is None:
        return array([MISSING] * len(words))
    texts = entry_texts(words)
    before = len(stream), len(group.pending)
    answers = _acknowledge_and_delete(stream, group, texts, policy)
    deleted = len(stream) < before[0]
    if deleted or len(group.pending) < before[1]:
        c.effects.append((db, name if deleted else None, "xdel" if deleted else None, argv))
    return array(answers)
