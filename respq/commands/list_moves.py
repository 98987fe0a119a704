"""Lists: what moves elements from one to another, or within one.

LMOVEM and BLMOVEM came with Redis 8.10, as moves of several elements. They are logged as a pop and a push
between MULTI and EXEC, which Redis 8.2 knows as well; the push first where that leads to the same, so that a
list which is moved within itself is there all the time, and keeps its expiry.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from respq.command import DENYOOM, WRITE, Argv, Client, command, key
from respq.commands.arguments import INT64_MAX, parse_int_between
from respq.commands.lists import is_left, remove_emptied
from respq.datatypes.lists import ListValue
from respq.errors import syntax_error
from respq.protocol.resp import bulk, bulks

MOVE = (key(1, "RW access delete"), key(2, "RW insert"))


# -- one element -----------------------------------------------------------------------------------


def move(c: Client, argv: Argv, from_left: bool, to_left: bool, logged: Argv) -> bytes | None:
    """Move an element from the list under `argv[1]` to the one under `argv[2]`; None if there is none.

    Either may hold another type; that of the target matters only if there is something to move.
    """
    db, source, target = c.db, argv[1], argv[2]
    items = db.find(source, ListValue)
    if items is None:
        return None
    if source == target:
        element = items.rotate(from_left, to_left)
    else:
        destination = db.find_or_create(target, ListValue)
        element = items.pop_left() if from_left else items.pop_right()
        if to_left:
            destination.push_left((element,))
        else:
            destination.push_right((element,))
    c.effects.append((db, target, "lpush" if to_left else "rpush", logged))
    c.effects.append((db, source, "lpop" if from_left else "rpop", None))
    if not items.count:
        remove_emptied(c, db, source)
    return bulk(element)


@command("LMOVE", arity=5, flags=WRITE | DENYOOM, keys=MOVE, group="list", since="6.2.0",
         syntax="source destination <LEFT | RIGHT> <LEFT | RIGHT>",
         argument_groups="wherefrom whereto")  # fmt: skip
def lmove(c: Client, argv: Argv) -> bytes:
    """Take an element off one end of a list and push it onto one end of another."""
    return move(c, argv, is_left(argv[3]), is_left(argv[4]), argv) or c.enc.null


@command("RPOPLPUSH", arity=3, flags=WRITE | DENYOOM, keys=MOVE, group="list", since="1.2.0",
         syntax="source destination", deprecated_since="6.2.0",
         replaced_by="`LMOVE` with the `RIGHT` and `LEFT` arguments")  # fmt: skip
def rpoplpush(c: Client, argv: Argv) -> bytes:
    """Take an element off the tail of a list and prepend it to another."""
    return move(c, argv, False, True, argv) or c.enc.null


# -- several elements ------------------------------------------------------------------------------

SEVERAL: Final = "[<COUNT count | EXACTLY count> <OBO | BULK>]"


class Several(NamedTuple):
    """How many elements to move."""

    number: int = 1
    exactly: bool = False  # or none
    in_order: bool = False  # BULK: as they stood, not one by one

    def fits(self, items: ListValue) -> bool:
        """Whether a list has enough of them."""
        return not self.exactly or items.count >= self.number


def parse_several(words: Argv) -> Several:
    """The words behind the ends of a list: none, or three."""
    if not words:
        return Several()
    if len(words) != 3 or (selector := words[0].upper()) not in {b"COUNT", b"EXACTLY"}:
        raise syntax_error()
    count = parse_int_between(words[1], 1, INT64_MAX, "count should be greater than 0")
    if (order := words[2].upper()) not in {b"OBO", b"BULK"}:
        raise syntax_error()
    return Several(count, selector == b"EXACTLY", order == b"BULK")


def move_several(c: Client, argv: Argv, several: Several) -> bytes | None:
    """Move elements from the list under `argv[1]` to the one under `argv[2]`; None if there are none to move.

    All are taken before the first is pushed. Answers them in the order in which they stand then. O(number).
    """
    db, source, target = c.db, argv[1], argv[2]
    from_left, to_left = is_left(argv[3]), is_left(argv[4])
    items = db.find(source, ListValue)
    if items is None or not several.fits(items):
        return None
    destination = items if source == target else db.find_or_create(target, ListValue)
    whole = several.number >= items.count
    taken = items.take_left(several.number) if from_left else items.take_right(several.number)
    reverse = not from_left if several.in_order else to_left
    moved = taken[::-1] if reverse else taken  # as they will stand
    if to_left:
        destination.push_left(moved[::-1])
    else:
        destination.push_right(moved)
    if source != target or from_left != to_left or moved != (taken if from_left else taken[::-1]):
        _log(c, argv, moved, whole)
        if not items.count:
            remove_emptied(c, db, source)
    return bulks(moved)


def _log(c: Client, argv: Argv, moved: list[bytes], whole: bool) -> None:
    """Let the log have what was moved; `whole`: no element of the source stayed where it was."""
    db, source, target = c.db, argv[1], argv[2]
    from_left, to_left = is_left(argv[3]), is_left(argv[4])
    same_end = source == target and from_left == to_left
    push_left = not to_left if same_end and whole else to_left
    words = moved[::-1] if push_left else moved
    push = [b"LPUSH" if push_left else b"RPUSH", target, *words]
    pop = [b"LPOP" if from_left else b"RPOP", source, b"%d" % len(moved)]
    effects = [
        (db, target, "lpush" if to_left else "rpush", push),
        (db, source, "lpop" if from_left else "rpop", pop),
    ]
    mark = len(c.effects)
    c.effects += effects[::-1] if same_end and not whole else effects
    c.log_together(mark)


@command("LMOVEM", arity=-5, flags=WRITE | DENYOOM, keys=MOVE, group="list", since="8.10.0",
         syntax=f"source destination <LEFT | RIGHT> <LEFT | RIGHT> {SEVERAL}",
         complexity="O(n), n elements moved")  # fmt: skip
def lmovem(c: Client, argv: Argv) -> bytes:
    """Take elements off one end of a list and push them onto one end of another, one by one or in order."""
    return move_several(c, argv, parse_several(argv[5:])) or c.enc.null_array
