-- The world of a script: globals as in Redis 8.2, and nothing that leads out of it.
--
-- Lua 5.1 has no read-only tables. What scripts share (the globals, `string`, `redis` …) is shown through
-- empty proxies: reading falls through to the table behind, writing is refused, and the few functions that
-- bypass metatables (rawset, next, table.insert …) know the proxies. Functions written here are Lua functions
-- where Redis has C functions, so errors are raised at the level of the caller; `bytecode.py` makes sure that
-- the caller is still on the stack.
--
-- Errors can be caught in four places: pcall, xpcall, coroutine.resume (also inside coroutine.wrap), and load
-- with a reader. Once a script is killed each of them passes the error on, so nothing swallows it. An error
-- handler never runs where the error was raised: in a hook no other hook fires, and it could loop for ever.

local callables, constants = ... -- Python's, by name
local python = python
local host = {}
for name, callable in pairs(callables) do host[name] = python.as_function(callable) end
for name, value in pairs(constants) do host[name] = value end

local assert, error, next, pairs, pcall, rawget, rawset = assert, error, next, pairs, pcall, rawget, rawset
local select, setmetatable, getmetatable, type, tostring = select, setmetatable, getmetatable, type, tostring
local tonumber, load, loadstring, setfenv = tonumber, load, loadstring, setfenv
local collectgarbage, getinfo, sethook = collectgarbage, debug.getinfo, debug.sethook
local byte, dump, find, format, gsub = string.byte, string.dump, string.find, string.format, string.gsub
local insert, floor = table.insert, math.floor
local create, resume, running = coroutine.create, coroutine.resume, coroutine.running

local HOOK_EVERY = 100000 -- instructions between two looks at the time, as in Redis
local RESUMES = 1000 -- resumptions between two: a coroutine's instructions are counted by itself
local FAILURES = 20 -- errors caught between two
local MADE_HERE = '=respq'

-- Errors --------------------------------------------------------------------------------------------------

local function blame(level, n, reason) -- argument `n` of the function at `level` is wrong
    local info = getinfo(level, 'n')
    error(format("bad argument #%d to '%s' (%s)", n, info and info.name or '?', reason), level + 1)
end

local function expected(level, n, kind, ...) -- the function at `level` got something else than a `kind`
    local got = select('#', ...) < n and 'no value' or type((select(n, ...)))
    blame(level + 1, n, kind .. ' expected, got ' .. got)
end

local function place(level) -- where the function at `level` is, as error() puts it before a text
    local info = getinfo(level + 1, 'Sl')
    return info and info.currentline > 0 and format('%s:%d: ', info.short_src, info.currentline) or ''
end

-- Being killed --------------------------------------------------------------------------------------------

local killed = false
local KILLED = {} -- raised then; with the place where it was noticed first
local resumes, failures = RESUMES, FAILURES

local state = {
    collector_changed = false,
    begun = true, -- false in a run: the server does not know yet that another script has begun
    answered = 0, -- commands of this script that have been executed before, and are answered again
    looked = false, -- somebody has looked at the time since this was cleared
}

local function begin() -- before a script of a run asks the server for something
    if not state.begun and state.answered == 0 then
        state.begun = true
        host.begin()
    end
end

local function tick() -- whether the script must end
    begin()
    state.looked = true
    return host.tick()
end

local function noticed(level) -- that the script is killed; where it is then is what the error will say
    killed = true
    local info
    repeat
        level = level + 1
        info = getinfo(level, 'Sl')
    until not info or info.what ~= 'C' and info.source ~= MADE_HERE
    KILLED.err, KILLED.source, KILLED.line = 'ERR killed', info and info.source, info and info.currentline
end

local function hook()
    if not killed and tick() then noticed(1) end
    if killed then error(KILLED, 0) end
end

-- An error was caught. Where the C stack is full no hook can run, but raises an error instead: a loop down there
-- that catches it must still be seen.
local function go_on_after_error()
    failures = failures - 1
    if failures == 0 then
        failures = FAILURES
        if not killed and tick() then noticed(1) end
    end
    if killed then error(KILLED, 0) end
end

local function watch(thread)
    sethook(thread, hook, '', HOOK_EVERY)
    return thread
end

local function is_text(v) -- what C's lua_isstring says
    local kind = type(v)
    return kind == 'string' or kind == 'number'
end

local function caught(ok, ...)
    if ok then return true, ... end
    go_on_after_error()
    local reason = ...
    if type(reason) == 'table' then
        local text = reason.err
        if is_text(text) then reason = text end
    elseif type(reason) == 'string' and find(reason, '^respq:%d+: ') then -- error(…, 2) as what pcall calls
        reason = place(3) .. gsub(reason, '^respq:%d+: ', '', 1)
    end
    return false, reason
end

local function protected_call(...)
    if select('#', ...) == 0 then return false, 'attempt to call a boolean value' end
    return caught(pcall(...))
end

local function handled(handler, ok, ...)
    if ok then return true, ... end
    go_on_after_error()
    local fine, answer = pcall(handler, (...))
    if killed then error(KILLED, 0) end
    if fine then return false, answer end
    return false, 'error in error handling'
end

local function protected_call_with_handler(...)
    if select('#', ...) < 2 then blame(2, 2, 'value expected') end
    local f, handler = ...
    return handled(handler, pcall(f))
end

local function returned(ok, ...)
    if not ok then go_on_after_error() end
    return ok, ...
end

local function watched_resume(...)
    resumes = resumes - 1
    if resumes == 0 then
        resumes = RESUMES
        hook()
    end
    if type((...)) ~= 'thread' then blame(2, 1, 'coroutine expected') end
    return returned(resume(...))
end

local function check_function(f) -- one of Lua's, to scripts: not one of ours, which are C in Redis
    local info = type(f) == 'function' and getinfo(f, 'S')
    if not info or info.what == 'C' or info.source == MADE_HERE then blame(3, 1, 'Lua function expected') end
end

local function watched_create(...)
    check_function((...))
    return watch(create((...)))
end

local function passed(ok, ...)
    if ok then return ... end
    local reason = ...
    error(reason, type(reason) == 'string' and 3 or 0)
end

local function watched_wrap(...)
    check_function((...))
    local thread = watch(create((...)))
    return function(...) return passed(watched_resume(thread, ...)) end
end

-- Read-only tables ----------------------------------------------------------------------------------------

local READ_ONLY = 'Attempt to modify a readonly table'
local behind = {} -- proxy -> what it shows
local metatable_shown = {} -- proxy -> what getmetatable says of it

local function refuse() error(READ_ONLY, 2) end

local function read_only(t, proxy)
    proxy = proxy or {}
    local meta = { __index = t, __newindex = refuse, __metatable = false }
    behind[proxy] = t
    setmetatable(proxy, meta)
    return proxy, meta
end

local STRING_METATABLE -- as scripts see it

local function raw_get(...)
    local t, key = ...
    if type(t) ~= 'table' then expected(2, 1, 'table', ...) end
    if select('#', ...) < 2 then blame(2, 2, 'value expected') end
    return rawget(behind[t] or t, key)
end

local function raw_set(...)
    local t, key, value = ...
    if type(t) ~= 'table' then expected(2, 1, 'table', ...) end
    if select('#', ...) < 3 then blame(2, select('#', ...) + 1, 'value expected') end
    if behind[t] then error(READ_ONLY, 0) end
    if key == nil then error('table index is nil', 0) end
    if key ~= key then error('table index is NaN', 0) end
    rawset(t, key, value)
    return t
end

local function following(...)
    local t, key = ...
    if type(t) ~= 'table' then expected(2, 1, 'table', ...) end
    return next(behind[t] or t, key)
end

local function all_pairs(...)
    local t = ...
    if type(t) ~= 'table' then expected(2, 1, 'table', ...) end
    if behind[t] then return following, t, nil end
    return next, t, nil
end

local function get_metatable(...)
    local v = ...
    local kind = type(v)
    if kind == 'table' then
        if behind[v] then return metatable_shown[v] end
        return getmetatable(v)
    end
    if kind == 'string' then return STRING_METATABLE end
    if select('#', ...) == 0 then blame(2, 1, 'value expected') end
    return nil
end

local function set_metatable(...)
    local t, meta = ...
    if type(t) ~= 'table' then expected(2, 1, 'table', ...) end
    if (meta == nil and select('#', ...) < 2) or (meta ~= nil and type(meta) ~= 'table') then
        blame(2, 2, 'nil or table expected')
    end
    if behind[t] then error(READ_ONLY, 0) end
    local old = getmetatable(t)
    if type(old) == 'table' and rawget(old, '__metatable') ~= nil or old ~= nil and type(old) ~= 'table' then
        error('cannot change a protected metatable', 2)
    end
    return setmetatable(t, meta and behind[meta] or meta)
end

local function table_insert(...)
    local t = ...
    if behind[t] then error(READ_ONLY, 0) end
    local count = select('#', ...)
    if type(t) ~= 'table' then expected(2, 1, 'table', ...) end
    if count == 2 then return insert(t, (select(2, ...))) end
    if count ~= 3 then error("wrong number of arguments to 'insert'", 2) end
    local at = tonumber((select(2, ...)))
    if not at then expected(2, 2, 'number', ...) end
    insert(t, at, (select(3, ...)))
end

local function table_foreach(...)
    local t, f = ...
    if type(t) ~= 'table' then expected(2, 1, 'table', ...) end
    if type(f) ~= 'function' then expected(2, 2, 'function', ...) end
    for key, value in next, behind[t] or t do
        local found = f(key, value)
        if found ~= nil then return found end
    end
end

-- Loading -------------------------------------------------------------------------------------------------

local environment = {}

-- Text only: what looks like bytecode is read as text, as in Redis.
local function kept(f) -- with its callers on the stack, and in the world of scripts
    local patched = host.keep_callers(dump(f))
    return setfenv(patched and loadstring(patched) or f, environment)
end

local function load_text(text, name)
    if byte(text) == 27 then text = ' ' .. text end
    local f, reason = loadstring(text, name)
    if not f then return nil, reason end
    return kept(f)
end

local function load_string(...)
    local text, name = ...
    if not is_text(text) then expected(2, 1, 'string', ...) end
    if name ~= nil and not is_text(name) then expected(2, 2, 'string', ...) end
    return load_text(tostring(text), tostring(name or text))
end

local function load_pieces(...)
    local reader, name = ...
    if name ~= nil and not is_text(name) then expected(2, 2, 'string', ...) end
    if type(reader) ~= 'function' then expected(2, 1, 'function', ...) end
    local begun = false
    local f, reason = load(function()
        local piece = reader()
        if begun or not is_text(piece) or piece == '' then return piece end
        begun = true
        return byte(piece) == 27 and ' ' .. piece or piece
    end, tostring(name or '=(load)'))
    if not f then
        go_on_after_error()
        return nil, reason
    end
    return kept(f)
end

local function dump_function(...)
    local f = ...
    if type(f) ~= 'function' then expected(2, 1, 'function', ...) end
    local info = getinfo(f, 'S')
    if info.what == 'C' or info.source == MADE_HERE then error('unable to dump given function', 2) end
    return dump(f)
end

-- Chance: drand48, as Redis has it, so that the same seed gives the same numbers --------------------------

local x0, x1, x2 = 0x330E, 0xABCD, 0x1234 -- 48 bits, lowest first
local MOST = 2147483647

local function to_integer(v) -- what C makes of a double as an integer of 64 bits
    if v ~= v or v >= 2 ^ 63 or v < -2 ^ 63 then return -2 ^ 63 end
    return v < 0 and -floor(-v) or floor(v)
end

local function to_int(v) -- and as an int of 32
    v = to_integer(v) % 4294967296
    return v >= 2147483648 and v - 4294967296 or v
end

local function random_part()
    local low = x0 * 0xE66D + 0xB
    local carry = floor(low / 65536)
    local middle = x1 * 0xE66D + x0 * 0xDEEC + carry
    local high = x2 * 0xE66D + x1 * 0xDEEC + x0 * 5 + floor(middle / 65536)
    x0, x1, x2 = low % 65536, middle % 65536, high % 65536
    return (x2 * 32768 + floor(x1 / 2)) % MOST / MOST
end

local function whole(n, ...)
    local v = tonumber((select(n, ...)))
    if not v or not is_text((select(n, ...))) then expected(3, n, 'number', ...) end
    return to_int(v)
end

local function random(...)
    local part, count = random_part(), select('#', ...)
    if count == 0 then return part end
    if count > 2 then error('wrong number of arguments', 2) end
    local low, high = 1, whole(1, ...)
    if count == 2 then low, high = high, whole(2, ...) end
    if low > high then blame(2, count, 'interval is empty') end
    return floor(part * to_int(high - low + 1)) + low
end

local function random_seed(...)
    local seed = whole(1, ...) % 4294967296
    x0, x1, x2 = 0x330E, seed % 65536, floor(seed / 65536)
end

-- The garbage collector belongs to all scripts: what one of them sets ends with it -------------------------

local function collect_garbage(...)
    local what, how = ...
    if what == nil or what == 'count' or what == 'collect' or what == 'step' then
        if how ~= nil and not tonumber(how) then expected(2, 2, 'number', ...) end
        return collectgarbage(what, tonumber(how))
    end
    if not is_text(what) then expected(2, 1, 'string', ...) end
    if what ~= 'stop' and what ~= 'restart' and what ~= 'setpause' and what ~= 'setstepmul' then
        blame(2, 1, format("invalid option '%s'", what))
    end
    if how ~= nil and not tonumber(how) then expected(2, 2, 'number', ...) end
    state.collector_changed = true
    return collectgarbage(what, tonumber(how))
end

local function settle_collector()
    state.collector_changed = false
    collectgarbage('restart')
    collectgarbage('setpause', 200)
    collectgarbage('setstepmul', 200)
end

-- What a script sees --------------------------------------------------------------------------------------

local globals = {}

local function explained(reason) -- the error, with the place that it comes from
    if killed then return KILLED end
    local level = 2
    local info = getinfo(level, 'Sl')
    if info and info.what == 'C' then
        level = 3
        info = getinfo(level, 'Sl')
    end
    while info and info.source == MADE_HERE do
        level = level + 1
        info = getinfo(level, 'Sl')
    end
    if type(reason) ~= 'table' then reason = { err = 'ERR ' .. tostring(reason) } end
    if info and info.what ~= 'C' and not behind[reason] then
        rawset(reason, 'source', info.source)
        rawset(reason, 'line', info.currentline)
    end
    return reason
end

local function no_such_global(_, name)
    if type(name) ~= 'string' and type(name) ~= 'number' then name = '' end
    error(format("Script attempted to access nonexistent global variable '%s'", name), 2)
end

local function chosen(from, names)
    local found = {}
    for name in names:gmatch('%S+') do found[name] = from[name] end
    return found
end

local library = {}

library.string = chosen(string, [[byte char find format gfind gmatch gsub len lower match rep reverse
    sub upper]])
library.string.dump = dump_function
library.table = chosen(table, 'concat foreachi getn maxn remove setn sort')
library.table.insert = table_insert
library.table.foreach = table_foreach
library.math = chosen(math, [[abs acos asin atan2 atan ceil cos cosh deg exp floor fmod frexp huge ldexp
    log10 log max min mod modf pi pow rad sin sinh sqrt tan tanh]])
library.math.random = random
library.math.randomseed = random_seed
library.os = { clock = os.clock }
library.coroutine = {
    create = watched_create, wrap = watched_wrap, resume = watched_resume,
    running = running, status = coroutine.status, yield = coroutine.yield,
}
getmetatable('').__index = library.string

for name, value in pairs(chosen(_G, [[_VERSION assert error gcinfo ipairs rawequal select tonumber tostring
    type unpack]])) do
    globals[name] = value
end
globals._G = environment
globals.collectgarbage = collect_garbage
globals.getmetatable = get_metatable
globals.load = load_pieces
globals.loadstring = load_string
globals.next = following
globals.pairs = all_pairs
globals.pcall = protected_call
globals.rawget = raw_get
globals.rawset = raw_set
globals.setmetatable = set_metatable
globals.xpcall = protected_call_with_handler
globals.__redis__err__handler = explained

local _, environment_meta = read_only(globals, environment)
local function show(t) environment_meta.__index = t end -- let a script find in there what it names

setmetatable(globals, { __index = no_such_global })
metatable_shown[environment] = read_only({ __index = no_such_global })

local function publish(name, members) -- a library, read-only
    local proxy = read_only(members)
    globals[name] = proxy
    return proxy
end
for name, members in pairs(library) do publish(name, members) end
STRING_METATABLE = read_only({ __index = globals.string })

sethook(hook, '', HOOK_EVERY)

local outside = { package.loaded, _G }
local function seal() -- our own functions need nothing of it any more
    for _, names in next, outside do
        for name in next, names do names[name] = nil end
    end
end

return {
    host = host, publish = publish, blame = blame, expected = expected, is_text = is_text, globals = globals,
    behind = behind, dump = dump, load_text = load_text, explained = explained,
    seal = seal, state = state, begin = begin, settle_collector = settle_collector,
    to_int = to_int, to_integer = to_integer, read_only = read_only, show = show, no_such_global = no_such_global,
    killer = function() return killed and KILLED end,
    end_script = function()
        killed, state.begun, state.answered = false, true, 0
        if state.collector_changed then settle_collector() end
    end,
    kill = function()
        killed = true
        KILLED.err, KILLED.source, KILLED.line = 'ERR killed', nil, nil
    end,
}
