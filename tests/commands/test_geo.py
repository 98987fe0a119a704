"""The geo commands. Every expected reply was seen on redis-server 8.2.3."""

from __future__ import annotations

import pytest

from tests.commands.asking import ask
from tests.conftest import Peer
from tests.resp import bulk

TWO = "GEOADD g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania"


def test_geoadd_is_a_zadd(alice: Peer) -> None:
    assert ask(alice, TWO) == b":2\r\n"
    assert ask(alice, "ZSCORE g Palermo") == b"$16\r\n3479099956230698\r\n"
    assert ask(alice, "GEOADD g XX CH 13 38 Palermo 1 1 none") == b":1\r\n"
    assert ask(alice, "GEOADD g XX NX 13 38 Palermo") == b"-ERR syntax error\r\n"
    assert ask(alice, "GEOADD g 181 38 x") == b"-ERR invalid longitude,latitude pair 181.000000,38.000000\r\n"


def test_distances_in_four_units(alice: Peer) -> None:
    ask(alice, TWO)
    for unit, text in {
        "m": b"166274.1516",
        "KM": b"166.2742",
        "mi": b"103.3182",
        "ft": b"545518.8700",
    }.items():
        assert ask(alice, f"GEODIST g Palermo Catania {unit}") == bulk(text)
    assert ask(alice, "GEODIST g Palermo none") == b"$-1\r\n"


def test_what_is_shown_of_a_place(alice: Peer) -> None:
    ask(alice, TWO)
    shown = ask(alice, "GEORADIUS g 15 37 100 km WITHDIST WITHCOORD WITHHASH")
    assert shown == (
        b"*1\r\n*4\r\n$7\r\nCatania\r\n$7\r\n56.4413\r\n:3479447370796909\r\n"
        b"*2\r\n$18\r\n15.087267458438873\r\n$17\r\n37.50266842333162\r\n"
    )
    assert ask(alice, "GEOPOS g none") == b"*1\r\n*-1\r\n"
    assert ask(alice, "GEOHASH g Catania none") == b"*2\r\n$11\r\nsqdtr74hyu0\r\n$-1\r\n"


def test_a_search_is_sorted_if_it_is_counted(alice: Peer) -> None:
    ask(alice, TWO)
    search = "GEOSEARCH g FROMLONLAT 15 37 BYBOX 400 400 km"
    both, nearest = b"*2\r\n$7\r\nCatania\r\n$7\r\nPalermo\r\n", b"*1\r\n$7\r\nCatania\r\n"
    assert ask(alice, f"{search} ASC") == both
    assert ask(alice, f"{search} COUNT 1") == nearest
    assert ask(alice, f"{search} DESC COUNT 1") == b"*1\r\n$7\r\nPalermo\r\n"
    assert ask(alice, f"{search} ANY") == b"-ERR the ANY argument requires COUNT argument\r\n"


def test_a_search_is_stored(alice: Peer) -> None:
    ask(alice, TWO)
    assert ask(alice, "GEOSEARCHSTORE d g FROMLONLAT 15 37 BYRADIUS 100 km STOREDIST") == b":1\r\n"
    assert ask(alice, "ZSCORE d Catania") == b"$16\r\n56.4412578701582\r\n"
    assert ask(alice, "GEORADIUS g 15 37 1 km STORE d") == b":0\r\n"
    assert ask(alice, "EXISTS d") == b":0\r\n"


@pytest.mark.parametrize(
    ("line", "keys"),
    [
        ("GEORADIUS g 1 1 1 km STORE a STOREDIST b", b"*3\r\n$1\r\ng\r\n$1\r\na\r\n$1\r\nb\r\n"),
        ("GEORADIUS g 1 1 1 km STORE", b"*1\r\n$1\r\ng\r\n"),
        ("GEORADIUSBYMEMBER g STORE 1 km STORE a", b"*2\r\n$1\r\ng\r\n$1\r\na\r\n"),
    ],
)
def test_a_search_names_the_keys_it_stores_to(alice: Peer, line: str, keys: bytes) -> None:
    assert ask(alice, f"COMMAND GETKEYS {line}") == keys


@pytest.mark.parametrize("shape", ["BYRADIUS inf m", "BYBOX inf 1 km", "BYBOX 1 inf km", "BYBOX inf inf km"])
def test_a_shape_may_be_infinite(alice: Peer, shape: str) -> None:
    alice.send("GEOADD", "g", "13.361389", "38.115556", "a", "13.361389", "38.115556", "b")
    reply = alice.send("GEOSEARCH", "g", "FROMMEMBER", "a", *shape.split())
    assert reply == b"*2\r\n$1\r\na\r\n$1\r\nb\r\n"
