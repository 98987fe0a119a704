"""celery beat: what is due is sent, as often as it should be, and by one schedule only."""

from __future__ import annotations

from pathlib import Path

from celery import Celery

from compat.celery.application import PREFORK
from compat.celery.processes import celery
from compat.journal import Journal
from compat.processes import Process, eventually

EVERY = 0.5  # seconds


def test_a_beat_sends_what_is_due(
    app: Celery, url: str, workers: dict[str, Process], journal: Journal, mark: str, tmp_path: Path
) -> None:
    entry = {
        "task": "compat.celery.application.record",
        "schedule": EVERY,
        "args": [mark],
        "options": {"queue": PREFORK, "ignore_result": True},
    }
    words = ["beat", "--schedule", str(tmp_path / "schedule"), "--pidfile", "", "--loglevel", "INFO"]
    beat = celery("beat", words, url, journal, beat_schedule={"often": entry}, beat_max_loop_interval=EVERY)
    try:
        times = [at for at, *_ in journal.await_entries(mark, 4)]
    finally:
        beat.stop()
    assert times[3] - times[0] > EVERY * 2  # no more often; a busy machine may be late
    eventually(lambda: app.backend.client.llen(PREFORK) == 0, "the queue is empty")
