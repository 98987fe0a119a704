"""What a server has freed goes back to the system."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.process.servers import Server, Start, until

ENTRIES, BATCH, VALUE_BYTES = 100_000, 1000, 600


def resident_bytes(server: Server) -> int:
    pages = int(Path(f"/proc/{server.process.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE")


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, and is about glibc")
def test_memory_of_a_stream_that_was_trimmed_goes_back(start: Start) -> None:
    server = start("--appendonly", "no")
    before = resident_bytes(server)
    with server.client.pipeline(transaction=False) as pipe:
        for _ in range(ENTRIES // BATCH):
            for _ in range(BATCH):
                pipe.execute_command("XADD", "s", "*", "f", os.urandom(VALUE_BYTES))
            pipe.execute()
    filled = resident_bytes(server)
    assert filled - before > ENTRIES * VALUE_BYTES
    server.client.execute_command("XTRIM", "s", "MAXLEN", 10)
    until(lambda: resident_bytes(server) < before + (filled - before) / 4, "the memory is given back")
