"""Every option of every command, in every way of delivery: no difference, and nothing forgotten.

ORACLE_SEED and ORACLE_ROUNDS choose others than the default; in one round every option comes once.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from compat.oracle.elsewhere import ELSEWHERE
from compat.oracle.engine_target import EngineTarget
from compat.oracle.every_option import EveryOption
from compat.oracle.grammar.every_option import FOR_THE_REST, LEFT_OUT, OVERRIDES, VALUES
from compat.oracle.grammar.tree import Argument, Trees
from compat.oracle.parity import EVERY_OPTION
from compat.oracle.rig import comparing, plan_of, restore_bytes, run_family, summary, write_report
from compat.oracle.targets import ProcessTarget
from compat.servers import Server
from respq.commands import SPECS

SEED = int(os.environ.get("ORACLE_SEED", "1"))
ROUNDS = int(os.environ.get("ORACLE_ROUNDS", "4"))
FURTHER_ROUNDS = 10  # until chance has met what seldom succeeds
SUCCESS = 0.6


@pytest.fixture(scope="module")
def sentences(trees: Trees) -> EveryOption:
    return EveryOption(trees)


@pytest.mark.timeout(1800)
def test_every_option_does_what_it_does_in_redis(trees: Trees, reference: Server, tmp_path: Path) -> None:
    plan = plan_of(EVERY_OPTION, trees)
    assert isinstance(plan.sentences, EveryOption)
    sequences = plan.sentences.round_of
    subject = EngineTarget(tmp_path, restore_bytes(plan.sentences.family))
    try:
        with comparing(plan, trees, reference, subject) as runner:
            failures = run_family(runner, SEED, sequences * ROUNDS)
            for further in range(1, FURTHER_ROUNDS + 1):
                if failures or not runner.coverage.missing():
                    break
                failures = run_family(runner, SEED + further, sequences)
    finally:
        subject.close()
    write_report(runner.coverage)
    assert not failures, summary(failures)
    assert runner.unrepeated <= ROUNDS
    assert runner.coverage.success >= SUCCESS
    assert runner.coverage.missing() == []


def test_the_server_does_what_redis_does(trees: Trees, reference: Server, respq_server: Server) -> None:
    plan = plan_of(EVERY_OPTION, trees)
    assert isinstance(plan.sentences, EveryOption)
    subject = ProcessTarget(respq_server, restore_bytes(plan.sentences.family))
    with contextlib.closing(subject), comparing(plan, trees, reference, subject) as runner:
        failures = run_family(runner, SEED, plan.sentences.round_of)
    assert not failures, summary(failures)


def test_no_command_of_redis_is_forgotten(trees: Trees, sentences: EveryOption) -> None:
    both = {name for name, spec in SPECS.items() if spec.handler is not None} & set(trees)
    assert both - set(sentences.family.rules) - set(ELSEWHERE) == set(FOR_THE_REST)


def test_a_round_meets_every_choice_of_every_command(trees: Trees, sentences: EveryOption) -> None:
    met = {
        (command.name, choice)
        for seed in range(sentences.round_of)
        for command in sentences.write(seed)
        for choice in command.choices
    }
    for name, rule in sentences.family.rules.items():
        for choice in (choice for argument in trees[name] for choice in argument.choices()):
            assert (name, choice) in met or choice in rule.left_out


def test_values_are_given_for_arguments_that_exist(trees: Trees) -> None:
    names = {name: set(_names_in(trees[name])) for name in OVERRIDES}
    assert {
        name: set(values) - names[name] for name, values in OVERRIDES.items() if set(values) - names[name]
    } == {}
    assert set(VALUES) <= {word for arguments in trees.values() for word in _names_in(arguments)}
    assert set(LEFT_OUT) | set(FOR_THE_REST) <= set(trees)


def _names_in(arguments: Sequence[Argument]) -> Iterator[str]:
    for argument in arguments:
        yield from (argument.name, argument.kind, *_names_in(argument.parts))


def test_a_seed_always_writes_the_same_sequence(trees: Trees, sentences: EveryOption) -> None:
    sentences.write(1)
    assert sentences.write(7) == EveryOption(trees).write(7)
