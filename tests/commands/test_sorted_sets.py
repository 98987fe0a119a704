"""Sorted sets, one command at a time. That they are those of Redis is for compat/oracle to say."""

from __future__ import annotations

import pytest

from respq.datatypes.sorted_sets import SortedSetValue
from tests.conftest import Kept, Peer, Workbench
from tests.resp import bulk, bulks, encode, encode_lines


def effects_of(engine: Workbench, peer: Peer, *words: str | int) -> list[tuple[str | None, bool]]:
    """The events of a command, and whether each is logged."""
    seen: list[tuple[str | None, bool]] = []
    effects = engine.server.effects

    class Spy(list):  # type: ignore[type-arg]
        def append(self, effect: object) -> None:
            seen.append((effect[2], effect[3] is not None))  # type: ignore[index]
            effects.append(effect)  # type: ignore[arg-type]

    peer.client.effects = Spy()
    try:
        peer.send(*words)
    finally:
        peer.client.effects = effects
    return seen


# -- add -------------------------------------------------------------------------------------------


def test_members_come_by_score_then_by_their_bytes(alice: Peer) -> None:
    assert alice.send("ZADD", "z", 2, "b", 1, "c", 2, "a") == b":3\r\n"
    assert alice.send("ZRANGE", "z", 0, -1) == bulks("c", "a", "b")


def test_scores_are_read_before_the_key_is_looked_at(alice: Peer) -> None:
    alice.send("SET", "s", "x")
    assert alice.send("ZADD", "s", "x", "a") == b"-ERR value is not a valid float\r\n"
    assert alice.send("ZADD", "s", "1", "a").startswith(b"-WRONGTYPE")


def test_nothing_is_added_if_one_score_is_wrong(alice: Peer) -> None:
    alice.send("ZADD", "z", 1, "a", "x", "b")
    assert alice.send("EXISTS", "z") == b":0\r\n"


@pytest.mark.parametrize(
    "word", [b"", b" 1", b"1 ", b"1_0", b"nan", b"1e400", b"1e-400", b"+-1", b"0x", b"1\0"]
)
def test_what_is_no_double_is_refused(alice: Peer, word: bytes) -> None:
    assert alice.send("ZADD", "z", word, "a") == b"-ERR value is not a valid float\r\n"


@pytest.mark.parametrize(("word", "shown"), [
    ("0x10", "16"), ("1e5", "100000"), (".5", "0.5"), ("5.", "5"), ("+1", "1"), ("Infinity", "inf"),
    ("-inf", "-inf"), ("-0", "0"), ("1e-7", "1e-7"), ("3.381772", "3.3817719999999998"),
    ("4611686018427387904", "4611686018427387904"), ("1e20", "1e+20"), ("1e-300", "1e-300"),
])  # fmt: skip
def test_a_score_is_shown_as_redis_shows_it(alice: Peer, word: str, shown: str) -> None:
    alice.send("ZADD", "z", word, "a")
    assert alice.send("ZSCORE", "z", "a") == bulk(shown)
    alice.send("HELLO", 3)
    assert alice.send("ZSCORE", "z", "a") == b",%b\r\n" % shown.encode()


def test_a_minus_zero_is_lost_in_a_listpack_even_if_a_long_member_ends_that(alice: Peer) -> None:
    long = "x" * 65
    alice.send("ZADD", "z", "-0", "a", 1, long, "-0", "b")
    assert [alice.send("ZSCORE", "z", member) for member in "ab"] == [b"$1\r\n0\r\n", b"$2\r\n-0\r\n"]
    alice.send("ZADD", "y", 1, long, "-0", "a")
    alice.send("ZRANGESTORE", "z", "y", 0, -1)
    assert alice.send("ZSCORE", "z", "a") == b"$1\r\n0\r\n"


def test_an_infinite_score_plus_its_opposite_is_no_number(alice: Peer) -> None:
    alice.send("ZADD", "z", "inf", "a")
    assert alice.send("ZINCRBY", "z", "-inf", "a") == b"-ERR resulting score is not a number (NaN)\r\n"
    assert alice.send("ZSCORE", "z", "a") == b"$3\r\ninf\r\n"


@pytest.mark.parametrize("option", ["NX", "xx", "GT", "LT", "CH", "INCR"])
def test_zincrby_takes_an_option_of_zadd_for_one(alice: Peer, option: str) -> None:
    assert alice.send("ZINCRBY", "z", option, "a") == b"-ERR syntax error\r\n"


def test_an_add_that_changes_nothing_is_not_logged(engine: Workbench, alice: Peer) -> None:
    assert effects_of(engine, alice, "ZADD", "z", 1, "a") == [("zadd", True)]
    assert effects_of(engine, alice, "ZADD", "z", 1, "a") == []
    assert effects_of(engine, alice, "ZADD", "z", "GT", 0, "a") == []
    assert effects_of(engine, alice, "ZINCRBY", "z", 1, "a") == [("zincr", True)]
    assert effects_of(engine, alice, "ZREM", "z", "a", "b") == [("zrem", True), ("del", False)]


# -- runs ------------------------------------------------------------------------------------------

RUNS = [
    ["ZADD z 1 a", "ZADD z 2 b", "ZADD z 1 a", "ZADD z 3 a", "ZADD z 1 c"],
    ["ZADD z 1 a", "ZADD z x b", "ZADD z 1 c", "ZADD z NX d", "ZADD z 2 c"],
    ["ZADD z 1 a", "ZADD y 2 b", "ZADD s 1 a", "ZADD z 3 a", "ZADD x 1 c"],
    ["ZADD z 1 a", "ZADD y 2 b", "ZADD z 1 a", "ZADD z 3 a", "ZADD x 1 c"],
    ["ZREM w a", "ZREM w nope", "ZREM w b", "ZREM w c", "ZREM w a"],
    ["ZREM none a", "ZREM none nope", "ZREM none b", "ZREM none c"],
    ["ZREM s a", "ZREM s nope", "ZREM s b", "ZREM s c"],
    ["ZPOPMIN w", "ZPOPMIN w", "ZPOPMIN w", "ZPOPMIN w"],
    ["ZPOPMAX w", "ZPOPMAX w", "ZPOPMAX w", "ZPOPMAX w", "ZPOPMAX w"],
    ["ZPOPMIN s", "ZPOPMIN s", "ZPOPMIN s", "ZPOPMIN s"],
    ["ZPOPMIN w", "ZPOPMIN none", "ZPOPMIN w", "ZPOPMIN w"],
]


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("commands", RUNS)
def test_a_run_does_what_its_commands_do(commands: list[str], version: int) -> None:
    one, other = Workbench(), Workbench()
    replies = []
    for engine, together in ((one, True), (other, False)):
        peer = engine.peer()
        peer.send("HELLO", version)
        peer.feed(encode_lines("SET s x", "ZADD w 1 a 2 b 3.5 c"))
        reads = [encode_lines(*commands)] if together else [encode_lines(command) for command in commands]
        replies.append(b"".join(peer.feed(read) for read in reads))
        replies.append(peer.feed(encode_lines("ZRANGE z 0 -1 WITHSCORES", "ZRANGE w 0 -1", "ZRANGE x 0 -1")))
    assert replies[0] == replies[2]
    assert replies[1] == replies[3]


@pytest.mark.parametrize("size", [0, 1, 1023, 1024, 5000])
def test_a_run_of_pops_returns_members_of_any_length(alice: Peer, size: int) -> None:
    member = b"m" * size
    alice.send("ZADD", "z", 1.5, member, 2, "a", 0.1, "b")
    assert alice.feed(encode_lines(*["ZPOPMIN z"] * 4)) == (
        b"*2\r\n$1\r\nb\r\n$3\r\n0.1\r\n"
        b"*2\r\n$%d\r\n%b\r\n$3\r\n1.5\r\n"
        b"*2\r\n$1\r\na\r\n$1\r\n2\r\n*0\r\n" % (size, member)
    )


# -- ranges ----------------------------------------------------------------------------------------


def test_a_delay_queue(alice: Peer) -> None:
    alice.send("ZADD", "delayed", 10, "a", 20, "b", 30, "c")
    assert alice.send("ZRANGEBYSCORE", "delayed", "-inf", 20, "LIMIT", 0, 1) == bulks("a")
    assert alice.send("ZREM", "delayed", "a") == b":1\r\n"
    assert alice.send("ZREVRANGEBYSCORE", "delayed", 25, 0, "WITHSCORES") == bulks("b", "20")
    assert alice.send("ZPOPMIN", "delayed") == bulks("b", "20")


def test_scores_come_in_pairs_in_resp3(alice: Peer) -> None:
    alice.send("HELLO", 3)
    alice.send("ZADD", "z", 1, "a", 2.5, "b")
    assert alice.send("ZRANGE", "z", 0, -1, "WITHSCORES") == (
        b"*2\r\n*2\r\n$1\r\na\r\n,1\r\n*2\r\n$1\r\nb\r\n,2.5\r\n"
    )
    assert alice.send("ZPOPMIN", "z") == b"*2\r\n$1\r\na\r\n,1\r\n"
    assert alice.send("ZPOPMIN", "z", 1) == b"*1\r\n*2\r\n$1\r\nb\r\n,2.5\r\n"


def test_a_stored_range_replaces_what_was_there_with_its_expiry(alice: Peer) -> None:
    alice.send("ZADD", "z", 1, "a", 2, "b", 3, "c")
    alice.send("SET", "target", "x", "EX", 100)
    assert alice.send("ZRANGESTORE", "target", "z", "(1", "+inf", "BYSCORE") == b":2\r\n"
    assert alice.send("ZRANGE", "target", 0, -1) == bulks("b", "c")
    assert alice.send("TTL", "target") == b":-1\r\n"
    assert alice.send("ZRANGESTORE", "target", "none", 0, -1) == b":0\r\n"
    assert alice.send("EXISTS", "target") == b":0\r\n"


def test_ranks_count_from_either_end(alice: Peer) -> None:
    alice.send("ZADD", "z", 1, "a", 2, "b", 3, "c")
    assert alice.send("ZRANK", "z", "b") == alice.send("ZREVRANK", "z", "b") == b":1\r\n"
    assert alice.send("ZRANK", "z", "c", "WITHSCORE") == b"*2\r\n:2\r\n$1\r\n3\r\n"
    assert alice.send("ZRANK", "z", "nope", "WITHSCORE") == b"*-1\r\n"


# -- as a value ------------------------------------------------------------------------------------


def test_the_encoding_follows_the_directives(engine: Workbench, alice: Peer) -> None:
    alice.send("CONFIG", "SET", "zset-max-listpack-entries", 2)
    alice.send("ZADD", "z", 1, "a", 2, "b")
    assert alice.send("OBJECT", "ENCODING", "z") == b"$8\r\nlistpack\r\n"
    alice.send("ZADD", "z", 3, "c")
    assert alice.send("OBJECT", "ENCODING", "z") == b"$8\r\nskiplist\r\n"
    alice.send("CONFIG", "SET", "zset-max-listpack-entries", 128)
    assert SortedSetValue.max_listpack_entries == 128


def test_a_scan_of_many_members_returns_them_all(alice: Peer) -> None:
    alice.send("ZADD", "z", *[word for n in range(1000) for word in (n, f"m{n}")])
    cursor, found = "0", []
    while True:
        lines = alice.send("ZSCAN", "z", cursor, "COUNT", 100).decode().split("\r\n")
        cursor, found = lines[2], found + lines[5::4]
        if cursor == "0":
            break
    assert sorted(found) == sorted(f"m{n}" for n in range(1000))


# -- combined --------------------------------------------------------------------------------------


def test_infinities_of_both_signs_add_up_to_zero(alice: Peer) -> None:
    alice.send("ZADD", "x", "inf", "a")
    alice.send("ZADD", "y", "-inf", "a")
    assert alice.send("ZUNION", 2, "x", "y", "WITHSCORES") == bulks("a", "0")
    assert alice.send("ZINTER", 2, "x", "y", "AGGREGATE", "MIN", "WITHSCORES") == bulks("a", "-inf")
    assert alice.send("ZUNION", 1, "x", "WEIGHTS", 0, "WITHSCORES") == bulks("a", "0")


def test_infinity_times_zero_counts_as_zero_but_spoils_the_sum_of_an_intersection(alice: Peer) -> None:
    alice.send("ZADD", "x", "inf", "a")
    assert alice.send("ZUNION", 2, "x", "x", "WEIGHTS", -1, 0, "WITHSCORES") == bulks("a", "-inf")
    assert alice.send("ZINTER", 2, "x", "x", "WEIGHTS", -1, 0, "WITHSCORES") == bulks("a", "0")


def test_aggregate_count_adds_the_weights_of_the_inputs_that_hold_a_member(alice: Peer) -> None:
    """Redis 8.8, by its manual."""
    alice.send("ZADD", "x", 7, "a", "inf", "b")
    alice.send("ZADD", "y", "-inf", "b", 0.5, "c")
    alice.send("SADD", "s", "b")
    by_count = ("AGGREGATE", "count", "WITHSCORES")
    assert alice.send("ZUNION", 3, "x", "y", "s", *by_count) == bulks("a", "1", "c", "1", "b", "3")
    assert alice.send("ZINTER", 3, "x", "y", "s", *by_count) == bulks("b", "3")
    weights = ("WEIGHTS", 2, 0.5)
    assert alice.send("ZUNION", 2, "x", "y", *weights, *by_count) == bulks("c", "0.5", "a", "2", "b", "2.5")
    assert alice.send("ZINTER", 2, "x", "y", *weights, *by_count) == bulks("b", "2.5")
    assert alice.send("ZINTERSTORE", "d", 2, "x", "y", *weights, "AGGREGATE", "COUNT") == b":1\r\n"
    assert alice.send("ZRANGE", "d", 0, -1, "WITHSCORES") == bulks("b", "2.5")
    for refused in ("ZDIFF", "ZINTERCARD"):
        assert alice.send(refused, 1, "x", "AGGREGATE", "COUNT") == b"-ERR syntax error\r\n"


def test_what_aggregate_count_stores_is_logged_in_words_of_redis_8_2() -> None:
    kept = Kept()
    ann = kept.peer()
    ann.send("ZADD", "x", 7, "a", 8, "b")
    for _ in range(2):  # onto nothing, onto a key
        kept.written()
        ann.send("ZUNIONSTORE", "d", 2, "x", "x", "WEIGHTS", 0.5, 1, "AGGREGATE", "COUNT")
    lines = (["MULTI"], ["DEL", "d"], ["ZADD", "d", "1.5", "a", "1.5", "b"], ["EXEC"])
    assert kept.written() == b"".join(encode(*words) for words in lines)
    ann.send("ZUNIONSTORE", "x", 2, "x", "d", "AGGREGATE", "COUNT")
    kept.written()
    assert kept.replays()
    ann.send("ZINTERSTORE", "d", 2, "x", "none", "AGGREGATE", "COUNT")
    assert kept.written() == encode("DEL", "d")


def test_members_of_a_set_have_a_score_of_1(alice: Peer) -> None:
    alice.send("SADD", "s", "a", "b")
    alice.send("ZADD", "z", 5, "b")
    assert alice.send("ZUNION", 2, "s", "z", "WEIGHTS", 2, 1, "WITHSCORES") == bulks("a", "2", "b", "7")
    assert alice.send("ZDIFF", 2, "s", "z") == bulks("a")
    assert alice.send("ZINTERCARD", 2, "s", "z") == b":1\r\n"


def test_a_source_may_be_the_destination(alice: Peer) -> None:
    alice.send("ZADD", "z", 1, "a", 2, "b")
    assert alice.send("ZUNIONSTORE", "z", 2, "z", "z") == b":2\r\n"
    assert alice.send("ZRANGE", "z", 0, -1, "WITHSCORES") == bulks("a", "2", "b", "4")
    assert alice.send("ZDIFFSTORE", "z", 2, "z", "z") == b":0\r\n"
    assert alice.send("EXISTS", "z") == b":0\r\n"


def test_a_wrong_type_is_refused_before_the_options_are_read(alice: Peer) -> None:
    alice.send("SET", "s", "x")
    assert alice.send("ZUNION", 1, "s", "NOPE").startswith(b"-WRONGTYPE")
    assert alice.send("ZUNION", 1, "z", "WEIGHTS", "x") == b"-ERR weight value is not a float\r\n"
    assert alice.send("ZINTERCARD", 0, "z") == (
        b"-ERR at least 1 input key is needed for 'zintercard' command\r\n"
    )


def test_a_large_sorted_set_is_freed_in_slices(engine: Workbench, alice: Peer) -> None:
    for start in range(0, 20_000, 1000):
        alice.send("ZADD", "key", *[word for n in range(start, start + 1000) for word in (n, f"m{n}")])
    alice.send("ZSCAN", "key", 0, "COUNT", 1)
    assert alice.send("DEL", "key") == b":1\r\n"
    assert len(engine.server.rubble) >= 20_000
    assert alice.send("EXISTS", "key") == b":0\r\n"
    engine.clear_away(10_000_000)
    assert not engine.server.rubble
