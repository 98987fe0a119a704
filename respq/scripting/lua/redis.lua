-- The `redis` table, and how values change between RESP and Lua: to the letter as in Redis 8.2.
--
-- One crossing per command and direction: the Python side answers a bulk string, an integer or a null as such
-- and everything else as a kind and bytes, which are parsed here; a script's result leaves as an encoded reply.

local world = ... -- what sandbox.lua returns
local host, globals, behind = world.host, world.globals, world.behind
local state, begin, settle_collector = world.state, world.begin, world.settle_collector
local is_text, killer, explained = world.is_text, world.killer, world.explained

local error, pcall, rawget, select, type, tostring = error, pcall, rawget, select, type, tostring
local tonumber, xpcall, next, unpack = tonumber, xpcall, next, unpack
local byte, find, format, gsub, sub = string.byte, string.find, string.format, string.gsub, string.sub
local match = string.match
local concat, floor = table.concat, math.floor

local COLON, DOLLAR, MINUS, PLUS, STAR = byte(':$-+*', 1, 5)
local TILDE, PERCENT, UNDERSCORE, COMMA, HASH, PAREN, EQUALS, PUSH = byte('~%_,#(=>', 1, 8)

-- From RESP -----------------------------------------------------------------------------------------------

local parse

local function parse_items(raw, at, count)
    local items, value = {}, nil
    for index = 1, count do
        value, at = parse(raw, at)
        items[index] = value
    end
    return items, at
end

local function parse_map(raw, at, count)
    local pairs_, key, value = {}, nil, nil
    for _ = 1, count do
        key, at = parse(raw, at)
        value, at = parse(raw, at)
        if key ~= nil and key == key then pairs_[key] = value end
    end
    return { map = pairs_ }, at
end

local function parse_set(raw, at, count)
    local members, key = {}, nil
    for _ = 1, count do
        key, at = parse(raw, at)
        if key ~= nil and key == key then members[key] = true end
    end
    return { set = members }, at
end

function parse(raw, at) -- the value that begins at `at`, and where the next one does
    local stop = find(raw, '\r\n', at, true)
    local kind, head, after = byte(raw, at), sub(raw, at + 1, stop - 1), stop + 2
    if kind == DOLLAR then
        local size = tonumber(head)
        if size < 0 then return false, after end
        return sub(raw, after, after + size - 1), after + size + 2
    elseif kind == COLON then
        return tonumber(head), after
    elseif kind == STAR or kind == PUSH then
        local count = tonumber(head)
        if count < 0 then return false, after end
        return parse_items(raw, after, count)
    elseif kind == PLUS then
        return { ok = head }, after
    elseif kind == MINUS then
        return { err = head }, after
    elseif kind == UNDERSCORE then
        return nil, after
    elseif kind == HASH then
        return head == 't', after
    elseif kind == COMMA then
        return { double = tonumber(head) }, after
    elseif kind == PERCENT then
        return parse_map(raw, after, tonumber(head))
    elseif kind == TILDE then
        return parse_set(raw, after, tonumber(head))
    elseif kind == PAREN then
        return { big_number = head }, after
    elseif kind == EQUALS then
        local text = sub(raw, after, after + tonumber(head) - 1)
        local next_at = after + tonumber(head) + 2
        return { verbatim_string = { format = sub(text, 1, 3), string = sub(text, 5) } }, next_at
    end
end

-- To RESP -------------------------------------------------------------------------------------------------

local NULL, TRUE, FALSE -- as the script's client and redis.setresp have it
local client3, script3 = false, false
local DEEPEST = 7995 -- slots of the stack that Redis's conversion, which is C, may use

local function choose_spelling(of_client, of_script)
    client3, script3 = of_client, of_script
    NULL = of_client and '_\r\n' or '$-1\r\n'
    if of_script then
        TRUE = of_client and '#t\r\n' or ':1\r\n'
        FALSE = of_client and '#f\r\n' or ':0\r\n'
    else
        TRUE, FALSE = ':1\r\n', NULL
    end
end
choose_spelling(false, false)

local function line(text) -- fit for a simple string or an error
    local stop = find(text, '\0', 1, true)
    if stop then text = sub(text, 1, stop - 1) end
    return (gsub(text, '[\r\n]', ' '))
end

local returned -- error codes in the reply that have not been counted yet; nil if there is no error in it

-- What kind of reply a table is: `map` or `set` with its items, `array`; nil if it is encoded already.
local function shape_of(t, parts)
    local v = rawget(t, 'err')
    if type(v) == 'string' then
        v = line(v)
        parts[#parts + 1] = '-' .. v .. '\r\n'
        returned = returned or {}
        if rawget(t, 'ignore_error_stats_update') ~= true then returned[#returned + 1] = match(v, '^%S*') end
        return nil
    end
    v = rawget(t, 'ok')
    if type(v) == 'string' then
        parts[#parts + 1] = '+' .. line(v) .. '\r\n'
        return nil
    end
    v = rawget(t, 'double')
    if type(v) == 'number' then
        local text = v == 0 and (1 / v < 0 and '-0' or '0') or host.double(v)
        parts[#parts + 1] = client3 and ',' .. text .. '\r\n' or '$' .. #text .. '\r\n' .. text .. '\r\n'
        return nil
    end
    v = rawget(t, 'map')
    if type(v) == 'table' then return 'map', behind[v] or v end
    v = rawget(t, 'set')
    if type(v) == 'table' then return 'set', behind[v] or v end
    v = rawget(t, 'big_number')
    if type(v) == 'string' then
        v = gsub(v, '[\r\n]', ' ')
        parts[#parts + 1] = client3 and '(' .. v .. '\r\n' or '$' .. #v .. '\r\n' .. v .. '\r\n'
        return nil
    end
    v = rawget(t, 'verbatim_string')
    if type(v) == 'table' then
        local text, form = rawget(v, 'string'), rawget(v, 'format')
        if type(text) == 'string' and type(form) == 'string' then
            form = client3 and sub(form .. '   ', 1, 3) .. ':' or ''
            local mark = client3 and '=' or '$'
            parts[#parts + 1] = mark .. #form + #text .. '\r\n' .. form .. text .. '\r\n'
            return nil
        end
    end
    return 'array', t
end

-- One frame of Lua's per level: as deep as Redis goes is nearly all that there are. `used` counts its slots.
local function encode(v, parts, used)
    local kind = type(v)
    if used > DEEPEST then
        parts[#parts + 1] = '-ERR reached lua stack limit\r\n'
    elseif kind == 'string' then
        parts[#parts + 1] = '$' .. #v .. '\r\n' .. v .. '\r\n'
    elseif kind == 'number' then
        parts[#parts + 1] = format(':%d\r\n', v)
    elseif kind == 'boolean' then
        parts[#parts + 1] = v and TRUE or FALSE
    elseif kind ~= 'table' then
        parts[#parts + 1] = NULL
    else
        local shape, items = shape_of(behind[v] or v, parts)
        local at, count = #parts + 1, 0
        if shape == 'array' then
            parts[at] = ''
            while true do
                local item = rawget(items, count + 1)
                if item == nil then break end
                count = count + 1
                encode(item, parts, used + 1)
            end
            parts[at] = '*' .. count .. '\r\n'
        elseif shape == 'map' then
            parts[at] = ''
            for key, value in next, items do
                count = count + 1
                encode(key, parts, used + 4)
                encode(value, parts, used + 3)
            end
            parts[at] = client3 and '%' .. count .. '\r\n' or '*' .. 2 * count .. '\r\n'
        elseif shape == 'set' then
            parts[at] = ''
            for key in next, items do
                count = count + 1
                encode(key, parts, used + 3)
            end
            parts[at] = (client3 and '~' or '*') .. count .. '\r\n'
        end
    end
end

local function reply_of(v) -- the encoded reply
    local kind = type(v)
    if kind == 'string' then return '$' .. #v .. '\r\n' .. v .. '\r\n' end
    if kind == 'number' then return format(':%d\r\n', v) end
    if kind == 'table' then
        local ok = rawget(v, 'ok')
        if type(ok) == 'string' and rawget(v, 'err') == nil then return '+' .. line(ok) .. '\r\n' end
        local parts = {}
        encode(v, parts, 1)
        return concat(parts)
    end
    if kind == 'boolean' then return v and TRUE or FALSE end
    return NULL
end

local function reply_to(raw, of_client3) -- what a script returns that returns this reply of a command
    if client3 ~= of_client3 then choose_spelling(of_client3, false) end
    return reply_of((parse(raw, 1)))
end

-- The redis table -----------------------------------------------------------------------------------------

local command, first_command, answer_again = host.command, host.first_command, host.answer_again
-- Kinds of answers that are neither strings nor numbers; 2 is to be parsed. Misuse is no command's error.
local ERROR, STATUS, MISUSE = 0, 1, 3

local function opening() -- what executes the next command as long as the server does not know of this script
    local left = state.answered
    if left > 0 then
        state.answered, state.begun = left - 1, left == 1
        return answer_again
    end
    state.begun = true
    return first_command
end

local function answer_first(count) -- the next script has executed so many commands before
    state.answered, state.begun = count, count == 0
end

local function fail(text) error({ err = text }, 0) end

local function converted(kind, raw)
    if kind == STATUS then return { ok = raw } end
    return (parse(raw, 1))
end

local redis = {}

function redis.call(...)
    local execute = command
    if not state.begun then execute = opening() end
    local answer, raw = execute(...)
    if raw == nil then return answer end
    if answer == ERROR then error({ err = raw, ignore_error_stats_update = true }, 0) end
    if answer == MISUSE then error({ err = raw }, 0) end
    return converted(answer, raw)
end

function redis.pcall(...)
    local execute = command
    if not state.begun then execute = opening() end
    local answer, raw = execute(...)
    if raw == nil then return answer end
    if answer == ERROR then return { err = raw, ignore_error_stats_update = true } end
    if answer == MISUSE then return { err = raw } end
    return converted(answer, raw)
end

local function single_text(kind, ...)
    local text = ...
    if select('#', ...) ~= 1 or type(text) ~= 'string' then
        return nil, { err = 'ERR wrong number or type of arguments' }
    end
    return text
end

function redis.error_reply(...)
    local text, wrong = single_text('err', ...)
    if not text then return wrong end
    if byte(text) == MINUS then text = sub(text, 2) end
    if not find(text, ' ', 1, true) then text = 'ERR ' .. text end
    return { err = text }
end

function redis.status_reply(...)
    local text, wrong = single_text('ok', ...)
    if not text then return wrong end
    return { ok = text }
end

function redis.sha1hex(...)
    if select('#', ...) ~= 1 then fail('ERR wrong number of arguments') end
    local text = ...
    return host.sha1(is_text(text) and tostring(text) or '')
end

local function number_of(v) return is_text(v) and tonumber(v) or nil end

local function below(limit, v) -- what C makes of a number as an int, if that is one from 0 to below `limit`
    return v > -1 and v < limit and (v < 0 and 0 or floor(v)) or nil
end

function redis.log(...)
    local count = select('#', ...)
    if count < 2 then fail('ERR redis.log() requires two arguments or more.') end
    local level = number_of((...))
    if not level then fail('ERR First argument must be a number (log level).') end
    level = below(4, level)
    if not level then fail('ERR Invalid log level.') end
    local words = {}
    for at = 2, count do
        local word = select(at, ...)
        if is_text(word) then words[#words + 1] = tostring(word) end
    end
    host.log(level, concat(words, ' '))
end

function redis.setresp(...)
    if select('#', ...) ~= 1 then fail('ERR redis.setresp() requires one argument.') end
    local version = number_of((...)) or 0
    if floor(version) ~= 2 and floor(version) ~= 3 then fail('ERR RESP version must be 2 or 3.') end
    host.set_resp(floor(version))
    choose_spelling(client3, floor(version) == 3)
end

function redis.set_repl(...)
    if select('#', ...) ~= 1 then fail('ERR redis.set_repl() requires one argument.') end
    local flags = below(4, number_of((...)) or 0)
    if not flags then
        fail('ERR Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.')
    end
    begin()
    host.set_repl(flags)
end

function redis.replicate_commands() return true end

function redis.breakpoint() return false end

function redis.debug() end

function redis.acl_check_cmd(...)
    local allowed, reason = host.may_run(...)
    if reason ~= nil then fail(reason) end
    return allowed
end

redis.LOG_DEBUG, redis.LOG_VERBOSE, redis.LOG_NOTICE, redis.LOG_WARNING = 0, 1, 2, 3
redis.REPL_NONE, redis.REPL_AOF, redis.REPL_SLAVE, redis.REPL_REPLICA, redis.REPL_ALL = 0, 1, 2, 2, 3
redis.REDIS_VERSION = host.version
redis.REDIS_VERSION_NUM = host.version_number

-- Running -------------------------------------------------------------------------------------------------

local LONG = 16384 -- bytes of replies that are not collected in Lua any more
local COUNTS = {} -- usual numbers, encoded
for n = 0, 255 do COUNTS[n] = format(':%d\r\n', n) end

-- The reply, and the codes of errors in it; or nil, and of the error: its text, source, line, and whether it has been counted already.
local function finished(of_client3, ok, v)
    if ok then
        if script3 or client3 ~= of_client3 then choose_spelling(of_client3, script3) end
        ok, v = xpcall(function() return reply_of(v) end, explained)
    end
    if script3 then
        host.set_resp(2)
        choose_spelling(of_client3, false)
    end
    if ok then
        if not returned then return v end
        local codes = concat(returned, ' ')
        returned = nil
        return v, codes
    end
    returned = nil
    v = killer() or v
    if type(v) ~= 'table' then return nil, 'ERR ' .. tostring(v), nil, 0, false end
    local reason = behind[v] or v
    local text, source, at = rawget(reason, 'err'), rawget(reason, 'source'), rawget(reason, 'line')
    return nil, is_text(text) and tostring(text) or 'ERR unknown error', source, at,
        rawget(reason, 'ignore_error_stats_update') == true
end

-- What a script has come to, as `finished` has it; the usual replies need no protection.
local function ended(of_client3, ok, v)
    if state.collector_changed then settle_collector() end
    if ok and client3 == of_client3 and not script3 then
        local kind = type(v)
        if kind == 'string' and #v < LONG then return '$' .. #v .. '\r\n' .. v .. '\r\n' end
        if kind == 'number' then return COUNTS[v] or format(':%d\r\n', v) end
        if kind == 'boolean' or kind == 'nil' then return reply_of(v) end
    end
    return finished(of_client3, ok, v)
end

local function run(script, of_client3, count, first, ...)
    if count == 1 then
        globals.KEYS, globals.ARGV = { first }, { ... }
    elseif count == 0 then
        globals.KEYS, globals.ARGV = {}, { first, ... }
    else
        local keys, rest = { first, ... }, {}
        for at = count + 1, #keys do rest[at - count], keys[at] = keys[at], nil end
        globals.KEYS, globals.ARGV = keys, rest
    end
    return ended(of_client3, xpcall(script, explained))
end

local function run_with(script, of_client3, keys, arguments) -- many: they come as tables
    globals.KEYS, globals.ARGV = keys, arguments
    return ended(of_client3, xpcall(script, explained))
end

local replies, done = {}, 0 -- of the run of scripts that goes on, or that broke off

local function replies_so_far()
    return concat(replies, '', 1, done), done
end

-- The same script several times over, each time with `width` other words, of which the first `count` are keys.
-- Ends early behind a script that fails, takes long or has a long reply. The replies, and how many they are;
-- then, if it is not among these, what the last script has come to.
local function run_on(script, of_client3, times, count, width, ...)
    replies, done = {}, 0
    local words, at, size = { ... }, 0, 0
    state.looked = false
    repeat
        globals.KEYS = count == 1 and { words[at + 1] } or { unpack(words, at + 1, at + count) }
        globals.ARGV = width == count and {} or { unpack(words, at + count + 1, at + width) }
        at = at + width
        state.begun = false
        local reply, detail, source, line, counted = ended(of_client3, xpcall(script, explained))
        state.begun = true
        if not reply or detail or #reply > LONG then
            local joined = concat(replies)
            return joined, done, reply, detail, source, line, counted
        end
        done = done + 1
        replies[done] = reply
        size = size + #reply
    until done == times or size > LONG or state.looked
    return concat(replies), done
end

world.publish('redis', redis)
world.redis, world.ended, world.finished = redis, ended, finished
world.reply_to, world.answer_first = reply_to, answer_first
world.run, world.run_with, world.run_on, world.replies_so_far = run, run_with, run_on, replies_so_far
return world
