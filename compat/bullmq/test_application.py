"""BullMQ, which runs large scripts with cmsgpack, on respq as on redis-server 8.2.3. A worker is killed."""

from __future__ import annotations

from pathlib import Path

import redis

from compat.clients.installed import install_node
from compat.processes import Process
from compat.servers import Server

HERE = Path(__file__).parent
PRINTED = """\
plain: 7
retried: 1
given up: failed: always
delayed: 8
reported: reported 50 half of it is done
by priority: first last
sum of its children: 6
the same job: true
repeated: 3
hangs: done by another
counts: 15 1 0 0
cleaned: 15
"""


def release_locks(server: Server) -> None:
    """Take away the lock of whoever was killed. It lasts so long that nobody who lives loses his."""
    with redis.Redis(port=server.port) as client:
        assert client.delete(*client.scan_iter("bull:jobs:*:lock")) == 1


def test_jobs_are_done_and_taken_over_from_a_worker_that_was_killed(server: Server, tmp_path: Path) -> None:
    def start(name: str, program: str) -> Process:
        return Process(name, [*install_node(HERE / program, tmp_path), str(server.port)], tmp_path)

    worker = start("worker", "worker.js")
    worker.await_log("ready")
    application = start("application", "application.js")
    other = None
    try:
        worker.await_log("hanging")
        worker.kill()
        release_locks(server)
        other = start("other", "worker.js")
        other.await_log("stalled")
        assert application.await_end() == 0
        assert application.log() == PRINTED
        assert "error" not in other.log()
    finally:
        for process in (application, worker, other):
            if process is not None:
                process.kill()
