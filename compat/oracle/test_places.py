"""Where the server works: CONFIG SET of `dir` and `dbfilename`, which need `enable-protected-configs`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from compat.oracle.targets import ProcessTarget
from compat.servers import Server, start_redis, start_respq

QUESTIONS = {
    (b"dir", b""): b"No such file or directory",
    (b"dir", b"none"): b"No such file or directory",
    (b"dir", b"none\0x"): b"No such file or directory",
    (b"dir", b"/dev/null"): b"Not a directory",
    (b"dir", b"."): b"",
    (b"dbfilename", b""): b"",
    (b"dbfilename", b"a/b"): b"dbfilename can't be a path, just a filename",
    (b"dbfilename", b"other.rdb"): b"",
}


@pytest.mark.parametrize("start", [start_redis, start_respq])
def test_answers(start: Callable[..., Server], tmp_path: Path) -> None:
    failed = b"ERR CONFIG SET failed (possibly related to argument '%b') - %b"
    server = start(tmp_path, enable_protected_configs="yes")
    try:
        target = ProcessTarget(server)
        for (name, value), reason in QUESTIONS.items():
            answer = (b"-", failed % (name, reason)) if reason else (b"+", b"OK")
            assert target.ask(b"CONFIG", b"SET", name, value) == answer
        target.close()
    finally:
        server.stop()
