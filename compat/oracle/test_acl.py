"""Users and permissions are those of redis-server: rules at random, and every command tried on them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from compat.oracle.acl_rules import Rules
from compat.oracle.engine_target import EngineTarget
from compat.oracle.grammar import FAMILIES
from compat.oracle.grammar.family import Family, Sentences
from compat.oracle.grammar.tree import Trees
from compat.oracle.normalise import equivalent
from compat.oracle.targets import ProcessTarget, Target
from compat.oracle.wire import Argv, Node, plain
from compat.servers import Server, is_in_reference
from respq.commands import SPECS
from respq.describe import CATEGORIES

KNOWN = {name.lower().encode() for name, spec in SPECS.items() if is_in_reference(spec)}
NAMES = [category.encode() for category in CATEGORIES]
ROUNDS = 1500
USERS = [b"ann", b"bob", b"cy"]
SEQUENCES = 12  # of each family

Pair = tuple[Target, Target]


@pytest.fixture
def pair(reference: Server, tmp_path: Path) -> Iterator[Pair]:
    """Redis and respq, without users of an earlier test."""
    theirs, ours = ProcessTarget(reference), EngineTarget(tmp_path, b"")
    for argv in ([b"ACL", b"DELUSER", *USERS], [b"ACL", b"LOG", b"RESET"]):
        theirs.ask(*argv)
    yield theirs, ours
    theirs.ask(b"ACL", b"DELUSER", *USERS)
    theirs.close()
    ours.close()


def ask(pair: Pair, *argv: bytes) -> Node:
    """The reply to a command, the same from both."""
    expected, found = (target.ask(*argv) for target in pair)
    assert equivalent(list(argv), expected, found), f"{argv!r}\nredis {expected!r}\nrespq {found!r}"
    return found


def shared(pair: Pair) -> list[bytes]:
    """The commands that both have; containers are none to DRYRUN, but to rules."""
    return sorted(KNOWN & set(plain(pair[0].ask(b"COMMAND", b"LIST"))))


@pytest.mark.parametrize("category", NAMES)
def test_a_category_has_the_commands_that_redis_gives_it(category: bytes, pair: Pair) -> None:
    theirs, ours = (set(plain(target.ask(b"ACL", b"CAT", category))) for target in pair)
    assert ours & KNOWN == theirs & KNOWN


def test_rules_at_random_are_understood_and_shown_alike(pair: Pair) -> None:
    rng, rules = random.Random(1), Rules(shared(pair), NAMES)
    for _ in range(ROUNDS):
        user = rng.choice(USERS)
        if rng.random() < 0.1:
            ask(pair, b"ACL", b"DELUSER", user)
        ask(pair, b"ACL", b"SETUSER", user, *rules.write(rng, malformed=0.1))
        ask(pair, b"ACL", b"GETUSER", user)
        ask(pair, b"ACL", b"LIST")


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_what_a_user_may_run(family: Family, trees: Trees, pair: Pair) -> None:
    seed = sum(family.name.encode())
    rng, rules, sentences = random.Random(seed), Rules(shared(pair), NAMES), Sentences(family, trees)
    for sequence in range(SEQUENCES):
        for user in USERS:
            ask(pair, b"ACL", b"SETUSER", user, b"reset", b"+@all", *rules.write(rng))
        for command in sentences.write(seed + sequence):
            if _is_known(command.argv):
                for user in USERS:
                    ask(pair, b"ACL", b"DRYRUN", user, *command.argv)


def _is_known(argv: Argv) -> bool:
    name = argv[0].lower()
    return name in KNOWN and (
        len(argv) == 1 or b"|".join([name, argv[1].lower()]) in KNOWN or b"|" not in name
    )
