"""A log that is written, rewritten and written again survives whatever happens in between."""

from __future__ import annotations

import contextlib
import errno
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from respq.children import History, Progress
from respq.effects.aof import AppendOnlyFile
from respq.effects.files import AofError, Files, SyncError
from respq.effects.manifest import COMMANDS
from respq.effects.rewrite import should_rewrite
from respq.effects.snapshot import Base, ForkedSnapshot, write_pieces
from tests.effects.disk import Disk, Killed
from tests.effects.model import DIRECTORY, Dataset, open_log, push, recover

MISSING = 10_000  # more operations than a run has


class Run:
    """One life of a server: loads, writes, rewrites while writing, writes, closes."""

    def __init__(self, disk: Disk, fsync: str = "always") -> None:
        self.aof = open_log(disk, fsync=fsync)
        self.data = Dataset()
        self.acknowledged = 0
        self.now_ms = 0

    def live(self) -> None:
        self.aof.open()
        self.aof.load(self.data.execute)
        self.acknowledged = len(self.data.numbers)
        self.aof.start(0)
        self.push(3)
        for _ in range(2):
            self.rewrite()
            self.push(2)
        self.aof.close(self.now_ms)

    def push(self, count: int) -> None:
        for _ in range(count):
            number = len(self.data.numbers)
            self.aof.append_effect(5, push(number))
            self.data.numbers.append(number)
            self.tick()

    def tick(self) -> None:
        self.now_ms += 200
        if self.aof.flush(self.now_ms):
            self.acknowledged = len(self.data.numbers)

    def rewrite(self) -> None:
        try:
            self.aof.begin_rewrite(self.data.base(), self.now_ms)
        except SyncError:
            raise
        except AofError:
            return
        self.push(1)
        assert self.aof.poll(self.now_ms) is None
        self.push(1)
        assert self.aof.poll(self.now_ms) is not None


def operations_of_a_run() -> list[str]:
    disk = Disk()
    Run(disk).live()
    return disk.operations


STEPS = operations_of_a_run()


def assert_nothing_lost(run: Run, found: list[int]) -> None:
    assert found == run.data.numbers[: len(found)], "a prefix of what was done, in order"
    assert len(found) >= run.acknowledged


def test_a_log_goes_on_in_another_increment_with_nothing_lost_at_any_step() -> None:
    for step in range(40):
        disk = Disk()
        run = Run(disk)
        disk.kill(step)
        try:
            run.aof.open()
            run.aof.start(0)
            run.push(2)
            run.aof.rotate(run.now_ms)
            assert len(run.aof.files) == 3
            run.push(2)
            run.aof.abandon()
        except Killed:
            pass
        assert_nothing_lost(run, recover(disk.after_power_cut(Random(step))))
    assert run.data.numbers == [0, 1, 2, 3]


@pytest.mark.parametrize("step", range(len(STEPS) + 1))
def test_killed_before_any_step_the_log_is_complete(step: int) -> None:
    disk = Disk()
    disk.kill(step)
    run = Run(disk)
    try:
        run.live()
    except Killed:
        pass
    disk = disk.after_kill()
    assert_nothing_lost(run, recover(disk))
    again = Run(disk)
    again.live()  # and goes on as if nothing had happened
    assert recover(disk) == again.data.numbers


@pytest.mark.parametrize("step", range(len(STEPS) + 1))
def test_without_power_before_any_step_the_log_is_complete(step: int) -> None:
    for seed in range(40):
        disk = Disk()
        disk.kill(step)
        run = Run(disk)
        try:
            run.live()
        except Killed:
            pass
        assert_nothing_lost(run, recover(disk.after_power_cut(Random(1000 * step + seed))))


@pytest.mark.parametrize("step", range(len(STEPS) + 1))
def test_without_power_an_unsynced_log_may_end_early_but_has_no_hole(step: int) -> None:
    for seed in range(40):
        disk = Disk()
        disk.kill(step)
        run = Run(disk, fsync="no")
        try:
            run.live()
        except Killed:
            pass
        found = recover(disk.after_power_cut(Random(1000 * step + seed)))
        assert found == run.data.numbers[: len(found)]


@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC])
@pytest.mark.parametrize("step", range(len(STEPS)))
def test_an_error_at_any_step_costs_nothing(step: int, error: int) -> None:
    disk = Disk()
    disk.fail(step, error)
    run = Run(disk)
    try:
        run.live()
    except AofError:
        pass  # could not start, or stopped as it has to; the next start finds everything
    disk.works()
    assert_nothing_lost(run, recover(disk.after_kill()))
    assert_nothing_lost(run, recover(disk.after_power_cut(Random(step))))


def test_a_run_meets_every_kind_of_step() -> None:
    kinds = {name.partition(" ")[0] for name in STEPS}
    assert kinds == {"make_directory", "create", "write", "datasync", "rename", "remove", "sync_directory"}


def test_after_a_rewrite_only_the_new_set_is_left() -> None:
    disk = Disk()
    run = Run(disk)
    run.live()
    assert disk.names(DIRECTORY) == [
        "appendonly.aof.3.base.aof",
        "appendonly.aof.3.incr.aof",
        "appendonly.aof.manifest",
    ]
    assert recover(disk) == list(range(11))


def test_a_failed_rewrite_leaves_the_old_base_and_is_counted() -> None:
    disk = Disk()
    run = Run(disk)
    run.aof.open()
    run.aof.start(0)
    run.push(2)
    run.aof.begin_rewrite(run.data.base(), 0)
    run.push(1)
    assert run.aof.poll(0) is None
    disk.fail(0, errno.ENOSPC, only="create temp-rewriteaof", forever=True)
    assert run.aof.poll(5000) is False
    disk.works()
    info = run.aof.info(5000)
    assert info["aof_last_bgrewrite_status"] == "err"
    assert info["aof_rewrites_consecutive_failures"] == 1
    run.rewrite()
    assert run.aof.info(5000)["aof_last_bgrewrite_status"] == "ok"
    assert recover(disk.after_kill()) == run.data.numbers


def test_what_cannot_be_written_cannot_be_rewritten() -> None:
    disk = Disk()
    run = Run(disk)
    run.aof.open()
    run.aof.start(0)
    disk.fail(0, errno.ENOSPC, only="write", forever=True)
    run.push(1)
    with pytest.raises(AofError, match=r"incr\.aof: cannot be written: No space left"):
        run.aof.begin_rewrite(run.data.base(), 0)
    disk.works()
    run.push(1)
    assert run.acknowledged == 2
    assert recover(disk.after_kill()) == [0, 1]


def switches(run: Run, pushes: int) -> bool:
    """Let it switch its log on and push, until it is killed; whether the log was whole by then."""
    try:
        run.rewrite()
    except Killed:
        return False
    with contextlib.suppress(Killed):
        run.push(pushes)
    return True


@pytest.mark.parametrize("step", range(40))
def test_a_log_switched_on_while_running_is_whole_or_the_one_of_before(step: int) -> None:
    disk = Disk()
    earlier = Run(disk)
    earlier.live()
    run = Run(disk)
    run.data.numbers = list(range(100))
    run.aof.open()
    disk.kill(len(disk.operations) + step)
    switched = switches(run, 2)
    found = recover(disk.after_kill())
    if switched or len(found) > len(earlier.data.numbers):
        assert found[:100] == list(range(100))
        assert len(found) >= run.acknowledged
    else:
        assert found == earlier.data.numbers


def test_a_log_switched_on_where_there_was_none() -> None:
    disk = Disk()
    run = Run(disk)
    run.data.numbers = [0, 1, 2]
    run.aof.open()
    run.rewrite()
    run.push(1)
    assert recover(disk.after_kill()) == run.data.numbers == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("step", range(30))
def test_a_log_that_is_begun_is_whole_or_none_at_all(step: int) -> None:
    """What a server finds that was killed meanwhile: without a log it begins with its snapshot."""
    for seed in range(10):
        disk = Disk()
        run = Run(disk)
        run.data.numbers = [0, 1, 2]
        run.aof.open()
        disk.kill(len(disk.operations) + step)
        switched = switches(run, 1)
        found = disk.after_power_cut(Random(seed)) if seed else disk.after_kill()
        log = AppendOnlyFile(DIRECTORY, files=found)
        log.open()
        assert not (switched and log.is_empty)
        if not log.is_empty:
            assert recover(found)[:3] == [0, 1, 2]
            assert len(recover(found)) >= run.acknowledged
        log.abandon()
        log = AppendOnlyFile(DIRECTORY, files=found)
        log.open()
        log.start(0)  # and a log can be begun
        assert not [name for name in found.names(DIRECTORY) if name.startswith("temp-")]
        log.abandon()


@pytest.mark.parametrize(
    ("current", "base", "percentage", "minimum", "expected"),
    [
        (200, 100, 100, 64, True),
        (199, 100, 100, 64, False),
        (200, 100, 0, 64, False),
        (64, 1, 100, 64, False),
        (65, 0, 100, 64, True),
        (0, 0, 100, 0, False),
    ],
)
def test_a_log_is_rewritten_once_it_has_grown(
    current: int, base: int, percentage: int, minimum: int, expected: bool
) -> None:
    assert should_rewrite(current, base, percentage, minimum) is expected


def test_after_three_failures_automatic_rewrites_wait_ever_longer() -> None:
    history = History()
    waits = []
    for _ in range(10):
        history.note(False, 0)
        waits.append(history.retry_at_ms // 60_000)
    assert waits == [0, 0, 1, 2, 4, 8, 16, 32, 60, 60]
    history.note(True, 0)
    assert history.retry_at_ms == 0


def test_a_forked_child_writes_the_data_of_the_moment_of_the_fork(tmp_path: Path) -> None:
    aof, data = AppendOnlyFile(tmp_path / "log"), Dataset()
    aof.open()
    aof.start(0)
    data.numbers = list(range(50_000))
    aof.begin_rewrite(data.base(), 0)
    data.numbers.append(-1)
    aof.append_effect(5, push(-1))
    assert aof.flush(0)
    while (ended := aof.poll(0)) is None:
        pass
    assert ended
    aof.close(0)
    again, found = AppendOnlyFile(tmp_path / "log"), Dataset()
    again.open()
    again.load(found.execute)
    assert found.numbers == data.numbers


def test_a_child_that_fails_says_why(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    aof = AppendOnlyFile(tmp_path / "log")
    aof.open()
    aof.start(0)

    def broken() -> list[bytes]:
        raise ValueError("no such thing")

    aof.begin_rewrite(Base(COMMANDS, broken), 0)
    while (ended := aof.poll(0)) is None:
        pass
    assert not ended
    assert "ValueError: no such thing" in caplog.text
    aof.close(0)


def test_a_cancelled_rewrite_leaves_no_process_and_no_file(tmp_path: Path) -> None:
    aof = AppendOnlyFile(tmp_path / "log")
    aof.open()
    aof.start(0)

    def endless() -> list[bytes]:
        while True:
            pass

    aof.begin_rewrite(Base(COMMANDS, endless), 0)
    aof.close(0)
    assert not list((tmp_path / "log").glob("temp-*"))


ENDLESS = """
import sys
from pathlib import Path
from respq.effects.aof import AppendOnlyFile
from respq.effects.manifest import COMMANDS
from respq.effects.snapshot import Base, ForkedSnapshot, write_pieces

def endless():
    while True:
        yield b"x" * 100_000

aof = AppendOnlyFile(Path(sys.argv[1]) / "log")
aof.open()
aof.start(0)
aof.begin_rewrite(Base(COMMANDS, endless), 0)
print("forked", flush=True)
sys.stdin.read()
"""


def test_the_child_dies_with_its_parent(tmp_path: Path) -> None:
    server = subprocess.Popen(
        [sys.executable, "-c", ENDLESS, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with server:
        assert server.stdout is not None
        assert server.stdout.readline() == b"forked\n"
        server.kill()
        assert server.stdout.read() == b"", "its end closes the pipe: nobody else holds it"
    again = AppendOnlyFile(tmp_path / "log")
    again.open()
    assert again.load(lambda _: None) == 0
    again.start(0)
    again.close(0)
    assert not list((tmp_path / "log").glob("temp-*"))


def test_files_are_private(tmp_path: Path) -> None:
    aof = AppendOnlyFile(tmp_path / "log")
    aof.open()
    aof.start(0)
    aof.close(0)
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "log").iterdir()} == {0o600}


def test_a_child_says_how_many_keys_it_has_written(tmp_path: Path) -> None:
    progress = Progress()
    progress.begin(4000)
    noted: list[int] = []
    snapshot = ForkedSnapshot(
        Files(),
        tmp_path / "base",
        lambda: (b"x" * 5000 for _ in progress.over(range(4000))),
        progress=progress,
    )
    while snapshot.poll() is None:
        noted.append(progress.keys_done)
    assert snapshot.poll()
    assert (progress.keys_done, progress.private_bytes) == (4000, snapshot.private_bytes)
    assert noted == sorted(noted)
    assert (tmp_path / "base").stat().st_size == 4000 * 5000


@pytest.mark.parametrize(("syncs", "more"), [(True, 2), (False, 0)])
def test_a_snapshot_is_synced_now_and_then_or_at_its_end_alone(syncs: bool, more: int) -> None:
    disk = Disk()
    write_pieces(disk, DIRECTORY / "base", lambda: [b"x" * (1 << 20)] * 9, lambda: None, syncs=syncs)
    assert [name.partition(" ")[0] for name in disk.operations].count("datasync") == 1 + more


def test_a_history_outlives_the_log(tmp_path: Path) -> None:
    history = History()
    aof = AppendOnlyFile(tmp_path / "log", history=history)
    aof.open()
    aof.start(0)
    aof.begin_rewrite(Dataset().base(), 0)
    while aof.poll(0) is None:
        pass
    aof.close(0)
    assert history.finished == 1
    assert AppendOnlyFile(tmp_path / "log", history=history).info(0)["aof_rewrites"] == 1
