"""cjson.decode_array_with_array_mt, as the description of Redis 8.4's change has it."""

from __future__ import annotations

import pytest

from tests.conftest import Peer
from tests.resp import bulk

MARK = "cjson.decode_array_with_array_mt(true) "


@pytest.fixture
def alice(alice: Peer) -> Peer:
    """What is set holds for later scripts: each test begins with a Lua of its own."""
    alice.send("SCRIPT", "FLUSH")
    return alice


@pytest.mark.parametrize(
    ("script", "text"),
    [
        ("return cjson.encode(cjson.decode('[]'))", "{}"),
        ("cjson.decode_array_with_array_mt(false) return cjson.encode(cjson.decode('[]'))", "{}"),
        (MARK + "return cjson.encode(cjson.decode('[]'))", "[]"),
        (MARK + "return cjson.encode(cjson.decode('[ ]'))", "[]"),
        (MARK + "return cjson.encode(cjson.decode('{}'))", "{}"),
        (MARK + "return cjson.encode({})", "{}"),
        (MARK + "return cjson.encode(cjson.decode('[[],{},[[]],{\"a\":[]}]'))", '[[],{},[[]],{"a":[]}]'),
        (MARK + "local t = cjson.decode('[]') t[1] = 7 return cjson.encode(t)", "[7]"),
        (MARK + "local t = cjson.decode('[]') t[1] = 7 t[1] = nil return cjson.encode(t)", "[]"),
        (MARK + "local t = cjson.decode('[]') t.a = 7 return cjson.encode(t)", '{"a":7}'),
        (MARK + "return tostring(getmetatable(cjson.decode('[]')).__is_cjson_array)", "true"),
        (MARK + "return tostring(getmetatable(cjson.decode('[1]')))", "nil"),
        ("return cjson.encode(setmetatable({}, {__is_cjson_array = true}))", "[]"),
        ("return cjson.encode(setmetatable({}, {}))", "{}"),
    ],
)
def test_empty_arrays_come_back(alice: Peer, script: str, text: str) -> None:
    assert alice.send("EVAL", script, 0) == bulk(text)


def test_it_tells_what_is_set_and_cjson_new_has_a_setting_of_its_own(alice: Peer) -> None:
    script = (
        "local own = cjson.new() own.decode_array_with_array_mt('on') return {tostring(%s), tostring(%s)}"
    )
    script %= ("own.decode_array_with_array_mt()", "cjson.decode_array_with_array_mt()")
    assert alice.send("EVAL", script, 0) == b"*2\r\n$4\r\ntrue\r\n$5\r\nfalse\r\n"


def test_one_metatable_is_not_shared_by_two_tables(alice: Peer) -> None:
    script = MARK + "getmetatable(cjson.decode('[]')).__index = {x = 1} return tostring(cjson.decode('[]').x)"
    assert alice.send("EVAL", script, 0) == b"$3\r\nnil\r\n"


def test_other_settings_are_refused(alice: Peer) -> None:
    assert b"bad argument #1" in alice.send("EVAL", "cjson.decode_array_with_array_mt('x')", 0)
    assert b"found too many arguments" in alice.send(
        "EVAL", "cjson.decode_array_with_array_mt(true, true)", 0
    )
