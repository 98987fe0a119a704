"""The notation of `@command(syntax=…)`, read into the arguments that COMMAND DOCS describes.

    [a]          optional              <a | b>, [a | b]   one of them
    a [a ...]    once or more often    a b [a b ...]      likewise, together
    EX seconds   words in capitals are written as they stand; one that begins an alternative belongs to
                 what follows it there; to the first of it alone if it ends with <a | b>, or is `A [b]`; to no
                 other word in capitals
    <EX a b>     as the only alternative: the word belongs to all that follows; without a word, a group
    = ~ * $ ""   these words stand for themselves

`redis-cli` shows what is said here while one types, so the arguments come out as they were written:
`render` is the inverse of `parse`. What redis-server tells beyond that (names for groups, the version
that brought an argument) has no place in the notation.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

EMPTY = '""'  # no characters at all
_TOKENS = re.compile(r"\.\.\.|[\[\]<>|]|[^\s\[\]<>|]+")
SYMBOLS = {
    "=": "equal",
    "~": "approximately",
    "*": "auto-id",
    "$": "new-id",
    EMPTY: "empty-string",
}  # stand for themselves
_CLOSING = {"[": "]", "<": ">"}
_MORE = "..."


class Argument(NamedTuple):
    """One argument or group. `token` is the word in capitals before it, or all there is of it."""

    name: str = ""
    token: str = ""
    alternatives: Sequence[Argument] = ()  # one of these
    parts: Sequence[Argument] = ()  # or these together
    optional: bool = False
    multiple: bool = False
    multiple_token: bool = False  # the token is repeated as well

    @property
    def is_token(self) -> bool:
        """Nothing but a word in capitals."""
        return not (self.name or self.alternatives or self.parts)


def parse(syntax: str) -> list[Argument]:
    """The arguments of one command. O(length)."""
    tokens = _TOKENS.findall(syntax)
    tokens.reverse()  # to be taken from the end
    arguments = _sequence(tokens)
    assert not tokens, f"unbalanced: {syntax}"
    return arguments


def _sequence(tokens: list[str]) -> list[Argument]:
    """Arguments up to what ends an alternative."""
    found: list[Argument] = []
    while tokens and tokens[-1] not in ("]", ">", "|"):
        token = tokens.pop()
        if token in _CLOSING:
            _add_group(found, _alternatives(tokens, _CLOSING[token]), optional=token == "[")
        elif token == _MORE:
            found.append(Argument(_MORE))
        elif token in SYMBOLS or (token == token.upper() and token.lower() != token):
            found.append(Argument(token=token))
        else:
            found.append(Argument(token))
    return found


def _alternatives(tokens: list[str], closing: str) -> list[list[Argument]]:
    """What stands between brackets."""
    found = [_sequence(tokens)]
    while (end := tokens.pop()) == "|":
        found.append(_sequence(tokens))
    assert end == closing, f"{end} instead of {closing}"
    return found


def _add_group(found: list[Argument], alternatives: list[list[Argument]], *, optional: bool) -> None:
    """Add what stood between brackets to what stood before them."""
    if alternatives[0][-1].name == _MORE:
        _repeat(found, alternatives[0][:-1])
    elif len(alternatives) == 1:
        found.append(_joined(alternatives[0])._replace(optional=optional))
    else:
        found.append(Argument(alternatives=[_joined(one) for one in alternatives], optional=optional))


def _repeat(found: list[Argument], again: list[Argument]) -> None:
    """`again` is the end of `found`, which may occur more than once."""
    if again[0].is_token:
        if len(again) > 2:
            found[1 - len(again) :] = [Argument(parts=found[1 - len(again) :])]
        found[-1] = found[-1]._replace(multiple=True, multiple_token=True)
    elif len(again) == 1:
        found[-1] = found[-1]._replace(multiple=True)
    else:
        found[-len(again) :] = [Argument(parts=found[-len(again) :], multiple=True)]


def _joined(arguments: list[Argument]) -> Argument:
    """One alternative as one argument."""
    first, *rest = arguments
    if not rest:
        return first
    if not first.is_token or (len(rest) == 1 and (rest[0].optional or rest[0].is_token)):
        return Argument(parts=arguments)
    last = rest[-1]
    if (len(rest) == 2 and last.optional) or (len(rest) > 1 and last.alternatives and not last.optional):
        return Argument(parts=[rest[0]._replace(token=first.token), *rest[1:]])
    return (rest[0] if len(rest) == 1 else Argument(parts=rest))._replace(token=first.token)


def render(arguments: Sequence[Argument]) -> str:
    """The notation for these arguments."""
    return " ".join(
        f"<{_render_one(one)}>" if one.parts and not (one.optional or one.multiple) else _render_one(one)
        for one in arguments
    )


def _render_one(argument: Argument) -> str:
    """One argument, with its brackets."""
    text = render(argument.parts) if argument.parts else argument.name
    if argument.alternatives:
        text = " | ".join(map(_render_one, argument.alternatives))
        if argument.token or argument.multiple or not argument.optional:
            text = f"<{text}>"
    token = f"{argument.token} " if argument.token else ""
    if argument.multiple:
        text = f"{text} [{token if argument.multiple_token else ''}{text} ...]"
    text = f"{token}{text}".rstrip()
    return f"[{text}]" if argument.optional else text
