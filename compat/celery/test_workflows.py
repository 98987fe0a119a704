"""Tasks that depend on tasks: chains, groups, chords, and what becomes of them when one fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import redis
from celery import chain, chord, group, states
from celery.exceptions import ChordError

from compat.celery.application import PREFORK
from compat.celery.conftest import PATIENCE, signature
from compat.journal import Journal
from compat.processes import eventually

Make = Callable[..., Any]


def test_a_chain_hands_on_its_results(task: Make) -> None:
    steps = chain(task("add", 1, 2), *(task("add", n) for n in (10, 100, 1000)))
    assert steps.apply_async().get(timeout=PATIENCE) == 1113


def test_a_chain_ends_where_a_step_fails(task: Make, journal: Journal, mark: str) -> None:
    steps = chain(task("add", 1, 2), task("fail_with"), task("record_result", mark))
    result = steps.apply_async()
    with pytest.raises(ValueError, match="3"):
        result.get(timeout=PATIENCE)
    assert result.parent.state == states.FAILURE
    assert result.parent.parent.get(timeout=PATIENCE) == 3
    assert journal.words(mark) == []


def test_the_results_of_a_group_stand_in_its_order(task: Make) -> None:
    numbers = group(task("add", n, n) for n in range(50))
    assert numbers.apply_async().get(timeout=PATIENCE) == [2 * n for n in range(50)]


def test_a_group_counts_what_is_ready(task: Make) -> None:
    result = group([task("add", 1, 1), task("fail", "no ink"), task("add", 2, 2)]).apply_async()
    eventually(result.ready, "the group is ready")
    assert result.completed_count() == 2
    assert result.failed()
    assert [found.state for found in result] == [states.SUCCESS, states.FAILURE, states.SUCCESS]


@pytest.mark.filterwarnings("ignore:Call to deprecated setex")  # Celery's call
def test_a_group_is_saved_and_restored(task: Make, app: Any) -> None:
    result = group(task("add", n, 1) for n in range(3)).apply_async()
    result.save()
    assert app.GroupResult.restore(result.id).get(timeout=PATIENCE) == [1, 2, 3]
    result.delete()
    assert app.GroupResult.restore(result.id) is None


def test_a_chord_calls_its_body_once_with_all_results(task: Make, journal: Journal, mark: str) -> None:
    body = chain(task("total"), task("record_result", mark))
    chord((task("add", n, 1) for n in range(20)), body).apply_async()
    assert journal.await_words(mark, 1) == [[210]]


def test_a_chord_keeps_the_order_of_its_header(task: Make) -> None:
    header = [task("echo", n).set(countdown=0.3 - n / 10) for n in range(4)]
    assert chord(header, task("echo")).apply_async().get(timeout=PATIENCE) == [0, 1, 2, 3]


def test_a_group_inside_a_chain_becomes_a_chord(task: Make) -> None:
    steps = chain(task("add", 1, 1), group(task("add", n) for n in range(5)), task("total"), task("add", 0.5))
    assert steps.apply_async().get(timeout=PATIENCE) == 20.5


def test_a_chord_takes_groups_apart(task: Make) -> None:
    header = [group([task("add", n, m) for m in range(2)]) for n in (10, 20)]
    assert sorted(chord(header, task("echo")).apply_async().get(timeout=PATIENCE)) == [10, 11, 20, 21]


def test_a_chord_of_500(workers: Any, app: Any, redis_client: redis.Redis) -> None:
    header = [signature(app, "add", n, n, queue=PREFORK) for n in range(500)]
    result = chord(header, signature(app, "total", queue=PREFORK)).apply_async()
    assert result.get(timeout=60) == 500 * 499
    counters = [f"celery-taskset-meta-{result.parent.id}.{letter}" for letter in "jtsd"]
    eventually(lambda: not redis_client.exists(*counters), "what the chord counted with is gone")


def test_a_chord_fails_with_its_header(task: Make, journal: Journal, mark: str) -> None:
    body = task("record_result", mark).on_error(task("record_failure", mark))
    result = chord([task("add", 1, 1), task("fail", "no ink"), task("add", 2, 2)], body).apply_async()
    eventually(result.ready, "the chord has failed")
    assert isinstance(result.result, ChordError)
    ((kind, message),) = journal.await_words(mark, 1)
    assert kind == "ChordError"
    assert "no ink" in message


def test_a_chord_whose_body_fails_says_so(task: Make) -> None:
    result = chord([task("add", 1, 1)], task("fail_with")).apply_async()
    with pytest.raises(ValueError, match="2"):
        result.get(timeout=PATIENCE)


def test_an_errback_is_called(task: Make, journal: Journal, mark: str) -> None:
    task("fail", "no ink").apply_async(link_error=task("record_failure", mark))
    assert journal.await_words(mark, 1) == [["ValueError", "no ink"]]


def test_work_is_cut_into_chunks(task: Make, app: Any, pool: str) -> None:
    add = app.tasks["compat.celery.application.add"]
    chunks = add.chunks(zip(range(10), range(10), strict=True), 3).group().set(queue=pool)
    assert chunks.apply_async().get(timeout=PATIENCE) == [[0, 2, 4], [6, 8, 10], [12, 14, 16], [18]]
