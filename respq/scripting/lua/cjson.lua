-- cjson: JSON as in lua-cjson 2.1.0, with the limits, spellings and error texts of Redis 8.2's copy of it; and
-- cjson.decode_array_with_array_mt of Redis 8.4, after which an empty array comes back as one.
--
-- What is set with cjson.encode_max_depth and its like holds for all scripts, as in Redis; cjson.new() gives a
-- copy of one's own. In Lua, because both directions are walks over Lua's tables: from Python they would cost
-- a crossing per item.

local world = ...
local blame, expected, is_text, behind = world.blame, world.expected, world.is_text, world.behind
local to_int = world.to_int

local error, next, rawget, rawset, select, type = error, next, rawget, rawset, select, type
local tonumber, tostring, setmetatable, getmetatable = tonumber, tostring, setmetatable, getmetatable
local byte, char, find, format, gsub, lower = string.byte, string.char, string.find, string.format, string.gsub, string.lower
local match, sub, concat, floor, huge = string.match, string.sub, table.concat, math.floor, math.huge

local null = newproxy(true) -- no such value can be made by a script
getmetatable(null).__tostring = function() return 'userdata: (nil)' end
getmetatable(null).__metatable = false

local MOST = 2147483647

-- Encoding ------------------------------------------------------------------------------------------------

local ESCAPES = { ['"'] = '\\"', ['\\'] = '\\\\', ['/'] = '\\/', ['\b'] = '\\b', ['\t'] = '\\t',
    ['\n'] = '\\n', ['\f'] = '\\f', ['\r'] = '\\r' }
for code = 0, 31 do
    ESCAPES[char(code)] = ESCAPES[char(code)] or format('\\u%04x', code)
end
ESCAPES['\127'] = '\\u007f'
local ESCAPED = '[%c"\\/\127]'

local function quoted(text)
    if find(text, ESCAPED) then text = gsub(text, ESCAPED, ESCAPES) end
    return '"' .. text .. '"'
end

-- Errors leave by a value that `encode` turns into a message at its caller.
local problem

local function refuse(what, reason)
    problem = 'Cannot serialise ' .. what .. ': ' .. reason
    return nil
end

local function encode_number(config, v)
    if v ~= v or v == huge or v == -huge then
        if config.encode_invalid == 'null' then return 'null' end
        if not config.encode_invalid then return refuse('number', 'must not be NaN or Inf') end
        if v ~= v then return 'nan' end
        return v > 0 and 'inf' or '-inf'
    end
    return format(config.number_format, v)
end

-- The highest index if all keys are indexes; nil for an object; false if the array has too many gaps.
local function length_of(config, t)
    local highest, items = 0, 0
    for key in next, t do
        if type(key) ~= 'number' or floor(key) ~= key or key < 1 then return nil end
        if key > highest then highest = key <= MOST and key or -MOST - 1 end
        items = items + 1
    end
    local ratio = config.sparse_ratio
    if ratio > 0 and highest > items * ratio and highest > config.sparse_safe then
        if not config.sparse_convert then return false end
        return nil
    end
    return highest
end

local encode_value

local function encode_array(config, t, parts, depth, length)
    parts[#parts + 1] = '['
    for index = 1, length do
        if index > 1 then parts[#parts + 1] = ',' end
        if not encode_value(config, rawget(t, index), parts, depth) then return nil end
    end
    parts[#parts + 1] = ']'
    return true
end

local function encode_object(config, t, parts, depth)
    parts[#parts + 1] = '{'
    local first = true
    for key, value in next, t do
        if not first then parts[#parts + 1] = ',' end
        first = false
        local kind, name = type(key), nil
        if kind == 'string' then
            name = quoted(key)
        elseif kind == 'number' then
            name = encode_number(config, key)
            if not name then return nil end
            name = '"' .. name .. '"'
        else
            return refuse(kind, 'table key must be a number or string')
        end
        parts[#parts + 1] = name
        parts[#parts + 1] = ':'
        if not encode_value(config, value, parts, depth) then return nil end
    end
    parts[#parts + 1] = '}'
    return true
end

-- Whether a table is an array although it has no elements.
local function is_marked_array(t)
    local meta = getmetatable(t)
    return type(meta) == 'table' and rawget(meta, '__is_cjson_array') == true and next(t) == nil
end

local function encode_table(config, t, parts, depth)
    if depth > config.encode_depth then
        problem = format('Cannot serialise, excessive nesting (%d)', depth)
        return nil
    end
    t = behind[t] or t
    local length = length_of(config, t)
    if length == false then return refuse('table', 'excessively sparse array') end
    if length and length > 0 or is_marked_array(t) then return encode_array(config, t, parts, depth, length) end
    return encode_object(config, t, parts, depth)
end

function encode_value(config, v, parts, depth)
    local kind, text = type(v), nil
    if kind == 'string' then
        text = quoted(v)
    elseif kind == 'number' then
        text = encode_number(config, v)
    elseif kind == 'table' then
        return encode_table(config, v, parts, depth + 1)
    elseif kind == 'boolean' then
        text = v and 'true' or 'false'
    elseif v == nil or v == null then
        text = 'null'
    else
        return refuse(kind, 'type not supported')
    end
    parts[#parts + 1] = text
    return text
end

-- Decoding ------------------------------------------------------------------------------------------------

local UNESCAPED = { ['"'] = '"', ['\\'] = '\\', ['/'] = '/', b = '\b', f = '\f', n = '\n', r = '\r', t = '\t' }
local TOKENS = { ['{'] = 'T_OBJ_BEGIN', ['}'] = 'T_OBJ_END', ['['] = 'T_ARR_BEGIN', [']'] = 'T_ARR_END',
    [','] = 'T_COMMA', [':'] = 'T_COLON', ['"'] = 'T_STRING' }

local function utf8(code)
    if code < 0x80 then return char(code) end
    if code < 0x800 then return char(0xC0 + floor(code / 64), 0x80 + code % 64) end
    if code < 0x10000 then
        return char(0xE0 + floor(code / 4096), 0x80 + floor(code / 64) % 64, 0x80 + code % 64)
    end
    return char(0xF0 + floor(code / 262144), 0x80 + floor(code / 4096) % 64,
        0x80 + floor(code / 64) % 64, 0x80 + code % 64)
end

-- The character that `\uXXXX` at `at` stands for, and where it ends; nil if it is none.
local function unicode(text, at)
    local digits = match(text, '^%x%x%x%x', at + 2)
    if not digits then return nil end
    local code = tonumber(digits, 16)
    if code < 0xD800 or code > 0xDFFF then return utf8(code), at + 6 end
    if code >= 0xDC00 then return nil end
    digits = match(text, '^\\u(%x%x%x%x)', at + 6)
    local low = digits and tonumber(digits, 16)
    if not low or low < 0xDC00 or low > 0xDFFF then return nil end
    return utf8((code - 0xD800) * 1024 + low - 0xDC00 + 0x10000), at + 12
end

-- The string whose text begins at `at`, and where it ends; nil, reason and place if it has no end.
local function string_from(text, at)
    local stop = find(text, '["\\%z]', at)
    if stop and byte(text, stop) == 34 then return sub(text, at, stop - 1), stop + 1 end
    local parts = {}
    while stop and byte(text, stop) == 92 do
        parts[#parts + 1] = sub(text, at, stop - 1)
        local letter = sub(text, stop + 1, stop + 1)
        if letter == 'u' then
            local found, after = unicode(text, stop)
            if not found then return nil, 'invalid unicode escape code', stop end
            parts[#parts + 1] = found
            at = after
        else
            local found = UNESCAPED[letter]
            if not found then return nil, 'invalid escape code', stop end
            parts[#parts + 1] = found
            at = stop + 2
        end
        stop = find(text, '["\\%z]', at)
    end
    if not stop or byte(text, stop) == 0 then
        return nil, 'unexpected end of string', stop or #text + 1
    end
    parts[#parts + 1] = sub(text, at, stop - 1)
    return concat(parts), stop + 1
end

-- What C's strtod makes of the text at `at`, and where it ends; nil for no number.
local function number_from(text, at)
    local plain, after = match(text, '^(-?%d+)()[%s,%]}]', at)
    if plain and byte(text, at) ~= 48 then return tonumber(plain), after end
    local found = match(text, '^[+-]?0[xX]%x+%.?%x*', at)
    if found then
        found = found .. (match(text, '^[pP][+-]?%d+', at + #found) or '')
        return tonumber(found), at + #found
    end
    found = match(text, '^[+-]?%d+%.?%d*', at)
    if found then
        found = found .. (match(text, '^[eE][+-]?%d+', at + #found) or '')
        return tonumber(found), at + #found
    end
    local sign, word = match(text, '^([+-]?)(%a*)', at)
    word = lower(word)
    if sub(word, 1, 3) == 'nan' then
        local value = huge - huge
        if sign ~= '-' then value = -value end
        return value, at + #sign + 3
    elseif sub(word, 1, 3) == 'inf' then
        local length = sub(word, 1, 8) == 'infinity' and 8 or 3
        return sign == '-' and -huge or huge, at + #sign + length
    end
    return nil
end

-- What is no number in JSON, but for strtod.
local function is_odd_number(text, at)
    local first = byte(text, at)
    if first == 43 then return true end
    if first == 45 then at = at + 1 end
    if find(text, '^0[xX%d]', at) then return true end
    local word = lower(sub(text, at, at + 2))
    return word == 'inf' or word == 'nan'
end

local function found_instead(wanted, found, at)
    problem = format('Expected %s but found %s at character %d', wanted, found, at)
    return nil
end

-- What stands at `at` instead of what was expected.
local function token_at(config, text, at)
    local letter = sub(text, at, at)
    if letter == '' or letter == '\0' then return 'T_END', at end
    if letter == '"' then
        local value, reason, place = string_from(text, at + 1)
        if not value then return reason, place end
        return 'T_STRING', at
    end
    if TOKENS[letter] then return TOKENS[letter], at end
    if find(letter, '[-%d]') then
        if not config.decode_invalid and is_odd_number(text, at) or not number_from(text, at) then
            return 'invalid number', at
        end
        return 'T_NUMBER', at
    end
    if find(text, '^true', at) or find(text, '^false', at) then return 'T_BOOLEAN', at end
    if find(text, '^null', at) then return 'T_NULL', at end
    if config.decode_invalid and is_odd_number(text, at) and number_from(text, at) then return 'T_NUMBER', at end
    return 'invalid token', at
end

local function unexpected(config, text, at, wanted)
    return found_instead(wanted, token_at(config, text, at))
end

local decode_value

local function too_deep(config, depth, at)
    if depth <= config.decode_depth then return false end
    problem = format('Found too many nested data structures (%d) at character %d', depth, at)
    return true
end

local function decode_object(config, text, at, depth)
    if too_deep(config, depth, at) then return nil end
    local t, key, value = {}, nil, nil
    at = match(text, '^[ \t\r\n]*()', at + 1)
    if byte(text, at) == 125 then return t, at + 1 end
    while true do
        if byte(text, at) ~= 34 then return unexpected(config, text, at, 'object key string') end
        local after
        key, after = string_from(text, at + 1)
        if not key then return unexpected(config, text, at, 'object key string') end
        at = match(text, '^[ \t\r\n]*()', after)
        if byte(text, at) ~= 58 then return unexpected(config, text, at, 'colon') end
        value, at = decode_value(config, text, match(text, '^[ \t\r\n]*()', at + 1), depth)
        if not at then return nil end
        t[key] = value
        at = match(text, '^[ \t\r\n]*()', at)
        local separator = byte(text, at)
        if separator == 125 then return t, at + 1 end
        if separator ~= 44 then return unexpected(config, text, at, 'comma or object end') end
        at = match(text, '^[ \t\r\n]*()', at + 1)
    end
end

local function decode_array(config, text, at, depth)
    if too_deep(config, depth, at) then return nil end
    local t, value = {}, nil
    at = match(text, '^[ \t\r\n]*()', at + 1)
    if byte(text, at) == 93 then
        if config.marks_arrays then setmetatable(t, { __is_cjson_array = true }) end
        return t, at + 1
    end
    local index = 1
    while true do
        value, at = decode_value(config, text, at, depth)
        if not at then return nil end
        t[index] = value
        index = index + 1
        at = match(text, '^[ \t\r\n]*()', at)
        local separator = byte(text, at)
        if separator == 93 then return t, at + 1 end
        if separator ~= 44 then return unexpected(config, text, at, 'comma or array end') end
        at = match(text, '^[ \t\r\n]*()', at + 1)
    end
end

-- The value at `at`, where no space is, and where it ends; nothing if it is none.
function decode_value(config, text, at, depth)
    local first = byte(text, at)
    if first == 34 then
        local value, after = string_from(text, at + 1)
        if value then return value, after end
    elseif first == 123 then
        return decode_object(config, text, at, depth + 1)
    elseif first == 91 then
        return decode_array(config, text, at, depth + 1)
    elseif first == 116 and find(text, '^true', at) then
        return true, at + 4
    elseif first == 102 and find(text, '^false', at) then
        return false, at + 5
    elseif first == 110 and find(text, '^null', at) then
        return null, at + 4
    elseif first then
        local is_number = first == 45 or first >= 48 and first <= 57
        local odd = is_odd_number(text, at)
        if config.decode_invalid and odd or is_number and not odd then
            local value, after = number_from(text, at)
            if value then return value, after end
        end
    end
    return unexpected(config, text, at, 'value')
end

-- The module ----------------------------------------------------------------------------------------------

local function integer_option(level, n, low, high, ...)
    local v = select(n, ...)
    local number = is_text(v) and tonumber(v)
    if not number then expected(level + 1, n, 'number', ...) end
    number = to_int(number)
    if number < low or number > high then -- whichever it is, the first gets the blame, as in Redis
        blame(level + 1, 1, format('expected integer between %d and %d', low, high))
    end
    return number
end

local function no_more_than(most, ...)
    if select('#', ...) > most then blame(3, most + 1, 'found too many arguments') end
end

local SWITCH = { off = false, on = true }

local function switch_option(level, options, ...)
    local v = ...
    if type(v) == 'boolean' then return v end
    if not is_text(v) then expected(level + 1, 1, 'string', ...) end
    local choice = options[v]
    if choice == nil then blame(level + 1, 1, format("invalid option '%s'", tostring(v))) end
    return choice
end

local new

local function functions(config)
    local cjson = { _NAME = 'cjson', _VERSION = '2.1.0', null = null, new = function() return new() end }

    function cjson.encode(...)
        if select('#', ...) ~= 1 then blame(2, 1, 'expected 1 argument') end
        local parts = {}
        if not encode_value(config, (...), parts, 0) then error(problem, 2) end
        return concat(parts)
    end

    function cjson.decode(...)
        if select('#', ...) ~= 1 then blame(2, 1, 'expected 1 argument') end
        local text = ...
        if not is_text(text) then expected(2, 1, 'string', ...) end
        text = tostring(text)
        if #text >= 2 and (byte(text, 1) == 0 or byte(text, 2) == 0) then
            error('JSON parser does not support UTF-16 or UTF-32', 2)
        end
        local value, at = decode_value(config, text, match(text, '^[ \t\r\n]*()'), 0)
        if not at then error(problem, 2) end
        at = match(text, '^[ \t\r\n]*()', at)
        local rest = byte(text, at)
        if rest and rest ~= 0 then
            unexpected(config, text, at, 'the end')
            error(problem, 2)
        end
        return value
    end

    function cjson.encode_sparse_array(...)
        no_more_than(3, ...)
        local count = select('#', ...)
        if count > 0 and (...) ~= nil then config.sparse_convert = switch_option(2, SWITCH, ...) end
        if count > 1 and select(2, ...) ~= nil then config.sparse_ratio = integer_option(2, 2, 0, MOST, ...) end
        if count > 2 and select(3, ...) ~= nil then config.sparse_safe = integer_option(2, 3, 0, MOST, ...) end
        return config.sparse_convert, config.sparse_ratio, config.sparse_safe
    end

    function cjson.encode_max_depth(...)
        no_more_than(1, ...)
        if (...) ~= nil then config.encode_depth = integer_option(2, 1, 1, MOST, ...) end
        return config.encode_depth
    end

    function cjson.decode_max_depth(...)
        no_more_than(1, ...)
        if (...) ~= nil then config.decode_depth = integer_option(2, 1, 1, MOST, ...) end
        return config.decode_depth
    end

    function cjson.encode_number_precision(...)
        no_more_than(1, ...)
        if (...) ~= nil then
            config.precision = integer_option(2, 1, 1, 14, ...)
            config.number_format = '%.' .. config.precision .. 'g'
        end
        return config.precision
    end

    function cjson.encode_keep_buffer(...) -- there is no buffer to be kept: the answer is all there is to it
        no_more_than(1, ...)
        if (...) ~= nil then config.keep_buffer = switch_option(2, SWITCH, ...) end
        return config.keep_buffer
    end

    function cjson.encode_invalid_numbers(...)
        no_more_than(1, ...)
        if (...) ~= nil then
            config.encode_invalid = switch_option(2, { off = false, on = true, null = 'null' }, ...)
        end
        return config.encode_invalid
    end

    function cjson.decode_array_with_array_mt(...)
        no_more_than(1, ...)
        if (...) ~= nil then config.marks_arrays = switch_option(2, SWITCH, ...) end
        return config.marks_arrays
    end

    function cjson.decode_invalid_numbers(...)
        no_more_than(1, ...)
        if (...) ~= nil then config.decode_invalid = switch_option(2, SWITCH, ...) end
        return config.decode_invalid
    end

    return cjson
end

function new()
    return functions({
        sparse_convert = false, sparse_ratio = 2, sparse_safe = 10, encode_depth = 1000, decode_depth = 1000,
        precision = 14, number_format = '%.14g', keep_buffer = true, encode_invalid = false,
        decode_invalid = true, marks_arrays = false,
    })
end

world.publish('cjson', new())
return world
