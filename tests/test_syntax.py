"""The notation of a command's arguments."""

from __future__ import annotations

import re

import pytest

from respq.commands import SPECS
from respq.syntax import Argument, parse, render


@pytest.mark.parametrize("name", sorted(name for name, spec in SPECS.items() if spec.docs.syntax))
def test_every_declaration_comes_out_as_it_was_written(name: str) -> None:
    spaced = re.sub(r"\s*\|\s*", " | ", SPECS[name].docs.syntax)
    assert render(parse(spaced)) == spaced


@pytest.mark.parametrize(
    "syntax",
    [
        "key [BY pattern] [LIMIT offset count] [GET pattern [GET pattern ...]] [ASC | DESC] [ALPHA]",
        "key [<MAXLEN | MINID> [= | ~] threshold [LIMIT count]] <* | id> field value [field value ...]",
        "<ip:port | <[ID id] | [TYPE <A | B>]> [<[ID id] | [TYPE <A | B>]> ...]>",
        "[GROUP group consumer] STREAMS key [key ...] id [id ...]",
        "key [GET encoding offset [GET encoding offset ...]]",
        "key [<GET a b | [IF <A | B>] <SET a | INCRBY b>> [<GET a b | [IF <A | B>] <SET a | INCRBY b>> ...]]",
    ],
)
def test_so_do_the_hard_ones(syntax: str) -> None:
    assert render(parse(syntax)) == syntax


def test_a_word_in_capitals_belongs_to_what_follows_in_its_alternative() -> None:
    assert parse("[EX seconds | KEEPTTL]") == [
        Argument(alternatives=[Argument("seconds", token="EX"), Argument(token="KEEPTTL")], optional=True)
    ]
    assert parse("[AUTH username password]") == [
        Argument(token="AUTH", parts=[Argument("username"), Argument("password")], optional=True)
    ]
    assert parse("key <FIELDS numfields field>") == [
        Argument("key"),
        Argument(token="FIELDS", parts=[Argument("numfields"), Argument("field")]),
    ]


def test_what_may_occur_more_often() -> None:
    assert parse("key [key ...]") == [Argument("key", multiple=True)]
    assert parse("key value [key value ...]") == [
        Argument(parts=[Argument("key"), Argument("value")], multiple=True)
    ]
    assert parse("[ID id [id ...]]") == [Argument("id", token="ID", optional=True, multiple=True)]


@pytest.mark.parametrize("syntax", ["[a", "a]", "<a]", "[a | b>"])
def test_brackets_must_match(syntax: str) -> None:
    with pytest.raises((AssertionError, IndexError)):
        parse(syntax)
