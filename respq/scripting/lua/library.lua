-- Libraries of functions: what they see while they are loaded, and how their functions are called.
--
-- A library is a chunk that runs once, when it is loaded, and registers functions. Meanwhile it finds nothing but
-- a `redis` table of its own; its functions, when they are called, find what a script finds. Both look into the
-- same environment, in which one thing is shown or the other (`show`): so a function sees the globals of calls,
-- whenever it was made, and what a library keeps from its loading goes on refusing what it refused then.
-- Libraries share this Lua state, as in Redis, but neither globals nor values: there is nothing that one could
-- write to and another read, except the settings of cjson and the seed of math.random.

local world = ... -- what redis.lua returns
local globals, behind, read_only, show = world.globals, world.behind, world.read_only, world.show
local explained, ended, finished, is_text = world.explained, world.ended, world.finished, world.is_text
local load_text = world.load_text

local error, next, rawget, select, setmetatable = error, next, rawget, select, setmetatable
local tostring, type, unpack, xpcall = tostring, type, unpack, xpcall
local find, lower, concat = string.find, string.lower, table.concat

local FLAGS = {
    ['no-writes'] = true, ['allow-oom'] = true, ['allow-stale'] = true, ['no-cluster'] = true,
    ['allow-cross-slot-keys'] = true,
}

local registered -- by the library that is being loaded: name, function, flags, description of each
local names -- of these, in lower case

local function fail(text) error({ err = 'ERR ' .. text }, 0) end

local function flags_of(flags)
    if type(flags) ~= 'table' then
        fail('flags argument to redis.register_function must be a table representing function flags')
    end
    local found, at = {}, 1
    local flag = rawget(flags, 1)
    while flag ~= nil do
        flag = is_text(flag) and lower(flag)
        if not FLAGS[flag] then fail('unknown flag given') end
        found[at], at = flag, at + 1
        flag = rawget(flags, at)
    end
    return concat(found, ',')
end

local TAKES = { -- the named arguments, as they are kept
    function_name = function(v)
        if not is_text(v) then fail('function_name argument given to redis.register_function must be a string') end
        return tostring(v)
    end,
    description = function(v)
        if not is_text(v) then fail('description argument given to redis.register_function must be a string') end
        return tostring(v)
    end,
    callback = function(v)
        if type(v) ~= 'function' then
            fail('callback argument given to redis.register_function must be a function')
        end
        return v
    end,
    flags = flags_of,
}

local function by_names(t)
    if type(t) ~= 'table' then
        fail('calling redis.register_function with a single argument is only applicable to Lua table '
            .. '(representing named arguments).')
    end
    local given = {}
    for key, value in next, behind[t] or t do
        if not is_text(key) then fail('named argument key given to redis.register_function is not a string') end
        key = lower(key)
        local take = TAKES[key]
        if not take then fail('unknown argument given to redis.register_function') end
        given[key] = take(value)
    end
    if not given.function_name then fail('redis.register_function must get a function name argument') end
    if not given.callback then fail('redis.register_function must get a callback argument') end
    return given
end

local function by_places(name, callback)
    if not is_text(name) then fail('first argument to redis.register_function must be a string') end
    if type(callback) ~= 'function' then fail('second argument to redis.register_function must be a function') end
    return { function_name = tostring(name), callback = callback }
end

local function register_function(...)
    if not registered then fail('redis.register_function can only be called on FUNCTION LOAD command') end
    local count = select('#', ...)
    if count < 1 or count > 2 then fail('wrong number of arguments to redis.register_function') end
    local given = count == 1 and by_names(...) or by_places(...)
    local name = given.function_name
    if not find(name, '^[%w_]+$') then
        fail('Library names can only contain letters, numbers, or underscores(_) and must be at least one '
            .. 'character long')
    end
    if names[lower(name)] then fail('Function already exists in the library') end
    names[lower(name)] = true
    registered[#registered + 1] = { name, given.callback, given.flags or '', given.description }
end

local redis = world.redis
local while_loading = { register_function = register_function }
for _, name in next, { 'log', 'LOG_DEBUG', 'LOG_VERBOSE', 'LOG_NOTICE', 'LOG_WARNING', 'REDIS_VERSION',
    'REDIS_VERSION_NUM' } do
    while_loading[name] = redis[name]
end
for _, name in next, { 'replicate_commands', 'breakpoint', 'debug' } do redis[name] = nil end
globals.__redis__err__handler = nil

local strict = { __index = world.no_such_global }
local loading = setmetatable({ redis = read_only(setmetatable(while_loading, strict)) }, strict)

-- What the library with this text has registered; or false and why it is no Lua; or what `finished` says of an error.
local function load_library(text)
    local chunk, reason = load_text(text, '@user_function')
    if not chunk then return false, reason end
    registered, names = {}, {}
    show(loading)
    local ok, problem = xpcall(chunk, explained)
    show(globals)
    local found = registered
    registered, names = nil, nil
    if ok then return true, found end
    return finished(false, false, problem)
end

local function run_with(callback, of_client3, keys, arguments)
    return ended(of_client3, xpcall(function() return callback(keys, arguments) end, explained))
end

local function run(callback, of_client3, count, ...)
    local words = { ... }
    return run_with(callback, of_client3, { unpack(words, 1, count) }, { unpack(words, count + 1) })
end

world.run, world.run_with, world.load_library = run, run_with, load_library
return world
