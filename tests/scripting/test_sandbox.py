"""Attempts to get out: to Python, to the file system, to another script's state, or to all of the memory."""

from __future__ import annotations

import pytest

from respq.scripting import binary, runtime
from tests.conftest import Peer, Workbench

WALK = """
local seen, names = {}, {}
local function walk(value, path)
    local kind = type(value)
    if kind == 'userdata' and value ~= cjson.null then names[#names + 1] = path end
    if kind ~= 'table' or seen[value] then return end
    seen[value] = true
    for key, item in pairs(value) do
        if item ~= KEYS and item ~= ARGV then walk(item, path .. '.' .. tostring(key)) end
        walk(key, path .. '<key>')
    end
    local meta = getmetatable(value)
    if meta then walk(meta, path .. '<meta>') end
end
walk(_G, '_G')
walk(getmetatable(''), 'string<meta>')
return names
"""


def run(peer: Peer, script: str) -> bytes:
    return peer.send("EVAL", script, "0")


@pytest.mark.parametrize(
    "name",
    [
        "io", "package", "debug", "require", "module", "dofile", "loadfile", "print", "newproxy", "getfenv",
        "setfenv", "python", "jit", "ffi", "os.execute", "os.exit", "os.getenv", "os.remove", "os.rename",
        "os.tmpname", "os.time", "string.gcinfo", "lupa",
    ],
)  # fmt: skip
def test_what_leads_out_is_not_there(alice: Peer, name: str) -> None:
    library, _, member = name.rpartition(".")
    found = f"rawget({library or '_G'}, '{member}') == nil"
    assert run(alice, f"return {found}") == b":1\r\n"


def test_no_python_object_can_be_reached_from_the_globals(alice: Peer) -> None:
    assert run(alice, WALK) == b"*0\r\n"


@pytest.mark.parametrize(
    "value",
    ["redis.call", "redis.sha1hex", "cjson.encode", "cjson.null", "bit.band", "struct.pack", "pcall", "KEYS"],
)
@pytest.mark.parametrize(
    "name", ["__self__", "__globals__", "__class__", "__dict__", "__call__", "__code__", "gi_frame"]
)
def test_nothing_has_attributes_of_python(alice: Peer, value: str, name: str) -> None:
    reply = run(
        alice, f"local ok, v = pcall(function() return {value}['{name}'] end) return not ok or v == nil"
    )
    assert reply == b":1\r\n"


@pytest.mark.parametrize(
    "script",
    [
        "return type(select(2, pcall(redis.call, 'nope')))",
        "return type(redis.pcall('nope')) == 'table' and 'string'",
        "return type(select(2, pcall(redis.call, {})))",
        "return type(select(2, pcall(cjson.decode, '[')))",
        "return type(select(2, pcall(struct.unpack, 'b', '')))",
        "return type(select(2, pcall(bit.band, {})))",
        "return type(select(2, coroutine.resume(coroutine.create(function() bit.band('x') end))))",
        "return type(select(2, pcall(redis.setresp, 9)))",
        "return select(2, xpcall(function() redis.sha1hex() end, type)) == 'table' and 'string'",
    ],
)
def test_error_objects_are_texts_and_tables_of_lua(alice: Peer, script: str) -> None:
    assert run(alice, script) == b"$6\r\nstring\r\n"


@pytest.mark.parametrize(
    "target",
    ["_G", "string", "table", "math", "os", "coroutine", "redis", "cjson", "cmsgpack", "struct", "bit",
     "getmetatable('')", "getmetatable(_G)"],
)  # fmt: skip
@pytest.mark.parametrize(
    "poison",
    [
        "{0}.x = 1",
        "{0}.call = nil",
        "{0}.__index = {{}}",
        "rawset({0}, 'x', 1)",
        "rawset({0}, '__index', function() return 'bad' end)",
        "table.insert({0}, 1)",
        "setmetatable({0}, {{__index = function() return 'bad' end}})",
        "for k in pairs({0}) do {0}[k] = nil end",
        "local _, t = pairs({0}) t.x = 1",
        "table.foreach({0}, function(k) {0}[k] = nil end)",
        "local m = getmetatable({0}) m.__newindex = nil m.__index = nil",
    ],
)
def test_what_scripts_share_cannot_be_changed(alice: Peer, target: str, poison: str) -> None:
    check = "return {#{keys}, ('x').x == nil, rawget(_G, 'x') == nil, string.x == nil, ('a'):upper()}"
    check = check.replace(
        "{keys}", "(function() local n = {} for k in pairs(%s) do n[#n + 1] = k end return n end)()"
    )
    before = run(alice, check % target)
    run(alice, "pcall(function() " + poison.format(target) + " end)")
    assert run(alice, check % target) == before
    assert before.endswith(b":1\r\n:1\r\n:1\r\n$1\r\nA\r\n")


@pytest.mark.parametrize(
    "script",
    [
        "return loadstring(string.dump(function() return 1 end))",
        "return loadstring('\\27Lua')",
        "return load(function() return '\\27LuaQ' end)",
        "local s = string.dump(function() end) return load(function() local p = s s = nil return p end)",
        "local f = string.dump(function() end) return loadstring(' ' .. f)",
    ],
)
def test_bytecode_is_never_loaded(alice: Peer, script: str) -> None:
    assert run(alice, script) == b"$-1\r\n"


def test_our_own_functions_are_not_dumped(alice: Peer) -> None:
    assert b"unable to dump given function" in run(alice, "return string.dump(redis.call)")


def test_loaded_text_lives_in_the_same_world(alice: Peer) -> None:
    assert b"readonly" in run(alice, "loadstring('x = 1')()")
    assert b"nonexistent global variable 'io'" in run(alice, "loadstring('return io')()")
    assert b"nonexistent global variable 'io'" in run(
        alice, "local n = 0 load(function() n = n + 1 return n == 1 and 'return io' or nil end)()"
    )


def test_keys_and_arguments_are_new_for_each_script(alice: Peer) -> None:
    run(alice, "KEYS.secret = 1 ARGV.secret = 2 setmetatable(KEYS, {__index = function() return 'mine' end})")
    assert run(alice, "return {tostring(KEYS.secret), tostring(ARGV.secret), tostring(KEYS[1])}") == (
        b"*3\r\n$3\r\nnil\r\n$3\r\nnil\r\n$3\r\nnil\r\n"
    )


def test_a_coroutine_does_not_live_on_in_the_next_script(alice: Peer) -> None:
    run(alice, "local co = coroutine.create(function() while true do coroutine.yield() end end) co()")
    assert run(alice, "return coroutine.running() == nil") == b":1\r\n"


def test_settings_of_the_collector_end_with_the_script(alice: Peer) -> None:
    run(alice, "collectgarbage('stop') collectgarbage('setpause', 1000000)")
    assert run(alice, "return collectgarbage('setpause', 200)") == b":200\r\n"


# -- memory ----------------------------------------------------------------------------------------

LIMIT = 32 << 20


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Workbench:
    monkeypatch.setattr(runtime, "MEMORY_BYTES", LIMIT)
    return Workbench()


@pytest.mark.parametrize(
    "script",
    [
        "return string.rep('x', 2^30)",
        "local s = 'x' while true do s = s .. s end",
        "local t = {} for i = 1, 1e8 do t[i] = i end",
        "local t = {} for i = 1, 1e8 do t[i] = {} end",
        "local t = {} for i = 1, 1e8 do t[i] = coroutine.create(function() end) end",
        "local t = {} for i = 1, 1e8 do t[i] = tostring(i) .. 'x' end",
        "return table.concat((function(t) for i = 1, 60 do t[i] = ('x'):rep(1e6) end return t end)({}))",
        "return ('x'):rep(1e6):gsub('x', ('y'):rep(1e6))",
        "local t, n = {}, 0 while true do n = n + 1 t = {t, ('x'):rep(1e5) .. n} redis.call('get', 'k') end",
        "return cjson.decode(string.rep('[1,', 900) .. string.rep('x', 3e7))",
        "local s = string.rep('x', 1e7) return {s, s, s, s, s}",
    ],
)
def test_a_bomb_ends_its_script_alone(alice: Peer, script: str) -> None:
    reply = run(alice, script)
    assert reply.startswith((b"-ERR not enough memory", b"-ERR user_script:1: not enough memory"))
    assert run(alice, "return 1") == b":1\r\n"


def test_a_bomb_that_catches_its_end_is_still_defused(alice: Peer) -> None:
    script = (
        "local t = {} local ok for i = 1, 5 do "
        "ok = pcall(function() while true do t[#t + 1] = string.rep('x', 1e5) .. #t end end) end return ok"
    )
    assert run(alice, script) == b"$-1\r\n"
    assert run(alice, "return 1") == b":1\r\n"


def test_answers_and_arguments_that_have_no_room_are_refused(alice: Peer) -> None:
    alice.send("SET", "big", b"x" * LIMIT)
    assert run(alice, "return #redis.call('get', 'big')") == b"-ERR not enough memory\r\n"
    assert run(alice, "while true do pcall(redis.call, 'get', 'big') end") == b"-ERR not enough memory\r\n"
    assert alice.send("EVAL", "return {#ARGV[1]}", 0, b"x" * LIMIT) == b"-ERR not enough memory\r\n"
    in_python = alice.send("EVAL", "return #ARGV[1]", 0, b"x" * LIMIT)  # takes no room in Lua
    assert in_python == b":%d\r\n" % LIMIT
    assert alice.send("EVAL", b"--" + b"x" * LIMIT, 0) == b"-ERR not enough memory\r\n"
    assert run(alice, "return 1") == b":1\r\n"


def test_commands_go_on_while_there_is_little_room(alice: Peer) -> None:
    fill = "local t = {} pcall(function() while true do t[#t + 1] = string.rep('x', 1000) .. #t end end) "
    reply = run(alice, fill + "local n = 0 while true do pcall(redis.call, 'get', 'k') n = n + 1 end")
    assert reply == b"-ERR not enough memory\r\n"
    assert run(alice, "return redis.call('ping')") == b"+PONG\r\n"


# -- depth -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "script",
    [
        "local function f() return 1 + f() end f()",
        "local function f() pcall(f) end f()",
        "local function f() coroutine.wrap(f)() end f()",
        "local t t = setmetatable({}, {__index = function(_, k) return t[k .. 'x'] end}) return t.x",
        "local function f() string.gsub('a', 'a', f) end f()",
        "local function f() table.sort({1, 2, 3}, f) end f()",
        "local t = {} t[1] = t return t",
        "local t = {} t[1] = t return cjson.encode(t)",
        "local t = {} t[1] = t return cmsgpack.pack(t)",
        "return cjson.decode(string.rep('[', 1e5))",
        "return cmsgpack.unpack(string.rep('\\145', 1e5))",
        "return loadstring('return ' .. string.rep('(', 1e5) .. '1' .. string.rep(')', 1e5))",
        "return loadstring(string.rep('do ', 1e5))",
        "return string.find(string.rep('a', 1e5), string.rep('(', 40))",
        "return tostring(setmetatable({}, {__tostring = function(t) return tostring(t) end}))",
    ],
)
def test_no_depth_brings_the_server_down(alice: Peer, script: str) -> None:
    run(alice, script)
    assert run(alice, "return 1") == b":1\r\n"


def test_a_bug_of_ours_is_an_error_of_the_script(alice: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binary, "_struct_size", lambda *arguments: 1 // 0)
    script = "local ok, reason = pcall(struct.size, 'b') return {tostring(ok), reason}"
    assert run(alice, script) == b"*2\r\n$5\r\nfalse\r\n$14\r\ninternal error\r\n"
    assert run(alice, "return 1") == b":1\r\n"
