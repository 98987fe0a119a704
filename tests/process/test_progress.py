"""What INFO tells of a child that writes the data set, while it does."""

from __future__ import annotations

import pytest

from tests.process.servers import Start, until

KEYS = 60_000
PER_COMMAND = 5000
CURRENT = ("current_cow_peak", "current_cow_size", "current_save_keys_processed", "current_save_keys_total")


@pytest.mark.parametrize("command", ["BGSAVE", "BGREWRITEAOF"])
def test_a_child_tells_how_far_it_is(start: Start, command: str) -> None:
    server = start("--rdbcompression", "no")
    client = server.client
    for first in range(0, KEYS, PER_COMMAND):
        client.mset({f"key:{n}": "v" * 500 for n in range(first, first + PER_COMMAND)})
    assert not any(client.info("persistence")[name] for name in CURRENT)
    client.execute_command(command)
    seen: list[dict[str, float]] = []

    def ended() -> bool:
        state = client.info("persistence")
        if state["current_save_keys_total"]:
            seen.append(state)
        return bool(state["rdb_saves"] if command == "BGSAVE" else state["aof_rewrites"]) and not (
            state["rdb_bgsave_in_progress"] or state["aof_rewrite_in_progress"]
        )

    until(ended, "the end of it")
    assert seen
    assert all(state["current_save_keys_total"] == KEYS for state in seen)
    done = [state["current_save_keys_processed"] for state in seen]
    assert done == sorted(done)
    for state in seen:
        percent = 100 * state["current_save_keys_processed"] / KEYS
        assert state["current_fork_perc"] == pytest.approx(percent, abs=0.01)  # it has two digits
        assert state["current_cow_peak"] >= state["current_cow_size"]
    after = client.info("persistence")
    assert not any(after[name] for name in CURRENT)
    assert after["rdb_last_cow_size" if command == "BGSAVE" else "aof_last_cow_size"] > 0
