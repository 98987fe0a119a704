"""The grammar names nothing that is not there, and forgets no command that respq has."""

from __future__ import annotations

import random

import pytest

from compat.oracle.case import Case, in_line, spread
from compat.oracle.elsewhere import ELSEWHERE
from compat.oracle.grammar import FAMILIES
from compat.oracle.grammar.family import Family, Rule, Sentences
from compat.oracle.grammar.tree import Argument, Trees
from compat.oracle.runner import shrink, ways
from respq.commands import SPECS

every_family = pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)


def names_in(arguments: tuple[Argument, ...]) -> set[str]:
    """Everything that a rule may give values for."""
    names: set[str] = set()
    for argument in arguments:
        names |= {argument.name, argument.kind} | names_in(argument.parts)
    return names


@every_family
def test_values_are_given_for_arguments_that_exist(family: Family, trees: Trees) -> None:
    stale = {
        f"{name}: {value}"
        for name, rule in family.all_rules.items()
        for value in rule.values
        if value not in names_in(trees[name])
    }
    assert stale == set()


@every_family
def test_what_is_left_out_exists(family: Family, trees: Trees) -> None:
    for name, rule in family.rules.items():
        choices = {choice for argument in trees[name] for choice in argument.choices()}
        assert set(rule.left_out) <= choices, name


def test_every_command_of_respq_is_in_a_family() -> None:
    ruled = {name for family in FAMILIES.values() for name in family.rules}
    leaves = {name for name, spec in SPECS.items() if spec.handler is not None}
    assert leaves - ruled - set(ELSEWHERE) == set()
    assert set(ELSEWHERE) <= leaves, "no longer needed"


def test_every_command_in_a_family_is_one_of_respq() -> None:
    ruled = {name for family in FAMILIES.values() for name in family.rules}
    assert ruled - set(SPECS) == set()


@every_family
def test_a_seed_always_writes_the_same_sequence(family: Family, trees: Trees) -> None:
    first, second = Sentences(family, trees), Sentences(family, trees)
    first.write(1)
    assert first.write(7) == second.write(7)


@every_family
def test_a_sequence_has_twenty_to_sixty_commands(family: Family, trees: Trees) -> None:
    sentences = Sentences(family, trees)
    lengths = [len(sentences.write(seed)) for seed in range(50) if not family.apart]
    assert all(20 <= length <= 60 for length in lengths)


@every_family
def test_however_it_is_delivered_each_client_sends_the_same_bytes(family: Family, trees: Trees) -> None:
    pipelined, _, single, split, _, notified = ways(Sentences(family, trees).write(3), 3)
    ids = [5, 6, 7]

    def sent(case: Case) -> bytes:
        return b"".join(data for turn in case.turns(ids) for _, data in turn)

    assert sent(pipelined) == sent(single) == sent(split) == sent(notified)


def test_spread_over_clients_nobody_waits_for_a_time() -> None:
    waits = [
        [b"XREAD", b"BLOCK", b"1", b"STREAMS", b"x", b"0.001"],  # one word too many
        [b"xread", b"BLOCK", b"1", b"BLOCK", b"1", b"STREAMS", b"x", b"$"],
        [b"BLPOP", b"l", b"0.001"],
        [b"WAIT", b"0", b"1"],
    ]
    assert [b" ".join(step.argv) for step in spread(waits, random.Random(1), 1)] == [
        b"XREAD BLOCK 0 STREAMS x 0.001",
        b"xread BLOCK 0 BLOCK 0 STREAMS x $",
        b"BLPOP l 0",
        b"WAIT 0 0",
    ]


def test_shrinking_finds_the_two_steps_that_matter() -> None:
    steps = in_line([[b"%d" % n] for n in range(50)])
    assert shrink(steps, lambda rest: steps[7] in rest and steps[31] in rest) == [steps[7], steps[31]]


def test_an_option_that_nobody_gives_is_missing_from_the_coverage(trees: Trees) -> None:
    from compat.oracle.coverage import Coverage

    family = Family("one", {"LPOP": Rule(errors=("WRONGTYPE",))}, {}, [], [])
    missing = Coverage(family, trees).missing()
    assert missing == ["LPOP: count never succeeded", "LPOP: never met 'WRONGTYPE'"]


@pytest.mark.parametrize(
    ("reply", "push"),
    [
        (b"*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n", True),
        (b"*3\r\n$11\r\nunsubscribe\r\n$-1\r\n:0\r\n", True),
        (b"*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$1\r\na\r\n", True),
        (b"*4\r\n$8\r\npmessage\r\n$1\r\n*\r\n$4\r\nnews\r\n$1\r\na\r\n", True),
        (b">2\r\n$10\r\ninvalidate\r\n*-1\r\n", True),
        (b"*3\r\n$9\r\nsubscribe\r\n$3\r\nget\r\n$3\r\nset\r\n", False),  # COMMAND LIST
        (b"*2\r\n$9\r\nsubscribe\r\n$3\r\nget\r\n", False),
    ],
)
def test_what_looks_like_a_push_and_is_a_reply_is_none(reply: bytes, push: bool) -> None:
    from compat.oracle.wire import is_push, parse_all

    assert [is_push(node) for node in parse_all(reply)] == [push]
