"""celery beat: what is due is sent, as often as it should be, and each once.

A busy machine makes beat late, so nothing here rests on how long it took. Beat's own log tells what it meant
to do: it names every message that it sends, and every time that it goes to sleep, which is never for longer
than `EVERY`. Sleeps are therefore the measure of what it may be late by.
"""

from __future__ import annotations

import time
from pathlib import Path

from celery import Celery

from compat.celery.application import PREFORK
from compat.celery.processes import celery
from compat.journal import Journal
from compat.processes import Process, eventually

EVERY = 0.5  # seconds
DUE, SENT, SLEEPS = "Sending due task often", "sent. id->", "Waking up"
SLEEPS_BETWEEN = 2  # one to the time that is due, one more if it woke some milliseconds before


def test_a_beat_sends_what_is_due(
    app: Celery, url: str, workers: dict[str, Process], journal: Journal, mark: str, tmp_path: Path
) -> None:
    entry = {
        "task": "compat.celery.application.record",
        "schedule": EVERY,
        "args": [mark],
        "options": {"queue": PREFORK, "ignore_result": True},
    }
    words = ["beat", "--schedule", str(tmp_path / "schedule"), "--pidfile", "", "--loglevel", "DEBUG"]
    start = time.time()
    beat = celery("beat", words, url, journal, beat_schedule={"often": entry}, beat_max_loop_interval=EVERY)
    try:
        *_, (fourth, *_) = journal.await_entries(mark, 4)
    finally:
        beat.stop()
    assert fourth - start > EVERY * 3  # no more often
    _, *turns = beat.log().split(DUE)
    assert all(turn.count(SLEEPS) <= SLEEPS_BETWEEN for turn in turns)  # and no less often
    sent = sum(turn.count(SENT) for turn in turns)
    eventually(lambda: len(journal.entries(mark)) >= sent, "all that was sent is done")
    eventually(lambda: app.backend.client.llen(PREFORK) == 0, "the queue is empty")
    assert len(journal.entries(mark)) <= len(turns) <= sent + 1  # beat may be stopped between the two
