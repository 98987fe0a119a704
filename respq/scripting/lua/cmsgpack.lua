-- cmsgpack: MessagePack as in lua-cmsgpack 0.4.0, the version that Redis 8.2 has.
--
-- Numbers that are whole become the shortest integer, others a float if it holds them exactly, else a double;
-- those two are packed by Python's struct. Tables with the keys 1 to n are arrays. Below the 16th level there
-- is only nil.

local world = ...
local host, blame, expected, is_text, behind = world.host, world.blame, world.expected, world.is_text, world.behind
local to_int, to_integer = world.to_int, world.to_integer

local error, next, pcall, select, type = error, next, pcall, select, type
local tonumber, tostring, unpack = tonumber, tostring, unpack
local byte, char, format, sub, concat, floor = string.byte, string.char, string.format, string.sub, table.concat, math.floor

local DEEPEST = 16
local MOST_RESULTS = 7998 -- that Lua's C stack takes
local TWO_32, TWO_63, TWO_64 = 2 ^ 32, 2 ^ 63, 2 ^ 64

-- Packing -------------------------------------------------------------------------------------------------

local function bytes2(n) return char(floor(n / 256), n % 256) end

local function bytes4(n)
    return char(floor(n / 16777216), floor(n / 65536) % 256, floor(n / 256) % 256, n % 256)
end

local function pack_whole(n)
    if n >= 0 then
        if n < 128 then return char(n) end
        if n < 256 then return '\204' .. char(n) end
        if n < 65536 then return '\205' .. bytes2(n) end
        if n < TWO_32 then return '\206' .. bytes4(n) end
        return '\207' .. bytes4(floor(n / TWO_32)) .. bytes4(n % TWO_32)
    end
    if n >= -32 then return char(256 + n) end
    if n >= -128 then return '\208' .. char(256 + n) end
    if n >= -32768 then return '\209' .. bytes2(65536 + n) end
    if n >= -2147483648 then return '\210' .. bytes4(TWO_32 + n) end
    local high = floor(n / TWO_32)
    return '\211' .. bytes4(TWO_32 + high) .. bytes4(n - high * TWO_32)
end

local function pack_number(n)
    if floor(n) == n and n >= -TWO_63 and n < TWO_63 then return pack_whole(n) end
    return host.pack_float(n)
end

local function pack_string(s)
    local size = #s
    if size < 32 then return char(160 + size) .. s end
    if size < 256 then return '\217' .. char(size) .. s end
    if size < 65536 then return '\218' .. bytes2(size) .. s end
    return '\219' .. bytes4(size) .. s
end

local function head(size, small, middle, large)
    if size < 16 then return char(small + size) end
    if size < 65536 then return middle .. bytes2(size) end
    return large .. bytes4(size)
end

-- The number of items, and whether their keys are 1 to n.
local function measured(t)
    local count, highest = 0, 0
    local is_array = true
    for key in next, t do
        count = count + 1
        if is_array then
            if type(key) ~= 'number' or key < 1 or floor(key) ~= key then
                is_array = false
            elseif key > highest then
                highest = key
            end
        end
    end
    return count, is_array and highest == count
end

local pack_value

local function pack_table(t, parts, depth)
    t = behind[t] or t
    local count, is_array = measured(t)
    if is_array then
        parts[#parts + 1] = head(count, 144, '\220', '\221')
        for index = 1, count do pack_value(t[index], parts, depth) end
        return
    end
    parts[#parts + 1] = head(count, 128, '\222', '\223')
    for key, value in next, t do
        pack_value(key, parts, depth)
        pack_value(value, parts, depth)
    end
end

function pack_value(v, parts, depth)
    local kind = type(v)
    if kind == 'string' then
        parts[#parts + 1] = pack_string(v)
    elseif kind == 'number' then
        parts[#parts + 1] = pack_number(v)
    elseif kind == 'table' and depth < DEEPEST then
        pack_table(v, parts, depth + 1)
    elseif kind == 'boolean' then
        parts[#parts + 1] = v and '\195' or '\194'
    else
        parts[#parts + 1] = '\192'
    end
end

-- Unpacking -----------------------------------------------------------------------------------------------

local MISSING, BAD = {}, {} -- thrown
local unpack_value

local function need(data, at, size) -- `size` bytes from `at` on
    if at + size - 1 > #data then error(MISSING, 0) end
end

local function unsigned(data, at, size)
    need(data, at, size)
    local n = 0
    for index = at, at + size - 1 do n = n * 256 + byte(data, index) end
    return n
end

local function signed(data, at, size)
    need(data, at, size)
    if size < 8 then
        local n = unsigned(data, at, size)
        local half = 2 ^ (8 * size - 1)
        return n >= half and n - 2 * half or n
    end
    local high, low = unsigned(data, at, 4), unsigned(data, at + 4, 4)
    if high >= 2147483648 then high = high - TWO_32 end
    return high * TWO_32 + low
end

local function unpack_string(data, at, size)
    need(data, at, size)
    return sub(data, at, at + size - 1), at + size
end

local function unpack_array(data, at, count)
    local t, value = {}, nil
    for index = 1, count do
        value, at = unpack_value(data, at)
        t[index] = value
    end
    return t, at
end

local function unpack_map(data, at, count)
    local t, key, value = {}, nil, nil
    for _ = 1, count do
        key, at = unpack_value(data, at)
        value, at = unpack_value(data, at)
        if key == nil then error('table index is nil', 0) end
        if key ~= key then error('table index is NaN', 0) end
        t[key] = value
    end
    return t, at
end

local READERS = {
    [192] = function(_, at) return nil, at end,
    [194] = function(_, at) return false, at end,
    [195] = function(_, at) return true, at end,
    [202] = function(data, at) need(data, at, 4) return host.unpack_float(sub(data, at, at + 3)), at + 4 end,
    [203] = function(data, at) need(data, at, 8) return host.unpack_float(sub(data, at, at + 7)), at + 8 end,
    [204] = function(data, at) return unsigned(data, at, 1), at + 1 end,
    [205] = function(data, at) return unsigned(data, at, 2), at + 2 end,
    [206] = function(data, at) return unsigned(data, at, 4), at + 4 end,
    [207] = function(data, at) return signed(data, at, 8), at + 8 end, -- as in Redis
    [208] = function(data, at) return signed(data, at, 1), at + 1 end,
    [209] = function(data, at) return signed(data, at, 2), at + 2 end,
    [210] = function(data, at) return signed(data, at, 4), at + 4 end,
    [211] = function(data, at) return signed(data, at, 8), at + 8 end,
    [217] = function(data, at) return unpack_string(data, at + 1, unsigned(data, at, 1)) end,
    [218] = function(data, at) return unpack_string(data, at + 2, unsigned(data, at, 2)) end,
    [219] = function(data, at) return unpack_string(data, at + 4, unsigned(data, at, 4)) end,
    [220] = function(data, at) return unpack_array(data, at + 2, unsigned(data, at, 2)) end,
    [221] = function(data, at) return unpack_array(data, at + 4, unsigned(data, at, 4)) end,
    [222] = function(data, at) return unpack_map(data, at + 2, unsigned(data, at, 2)) end,
    [223] = function(data, at) return unpack_map(data, at + 4, unsigned(data, at, 4)) end,
}

function unpack_value(data, at) -- the value at `at`, and where it ends
    local first = byte(data, at)
    if not first then error(MISSING, 0) end
    at = at + 1
    if first < 128 then return first, at end
    if first >= 224 then return first - 256, at end
    local reader = READERS[first]
    if reader then return reader(data, at) end
    if first < 144 then return unpack_map(data, at, first - 128) end
    if first < 160 then return unpack_array(data, at, first - 144) end
    if first < 192 then return unpack_string(data, at, first - 160) end
    error(BAD, 0)
end

-- `limit` values from `offset` on, all if both are 0: their number, where the last one ended, and they themselves.
local function unpack_some(data, limit, offset)
    if offset < 0 or limit < 0 then
        error(format('Invalid request to unpack with offset of %d and limit of %d.', to_int(offset), #data), 3)
    elseif offset > #data then
        error(format('Start offset %d greater than input length %d.', to_int(offset), #data), 3)
    end
    local values, count, at = {}, 0, offset + 1
    local all = limit == 0 and offset == 0
    local ok, reason = pcall(function()
        while at <= #data and (all or count < limit) do
            if count >= MOST_RESULTS then
                error('stack overflow (too many return values at once; use unpack_one or unpack_limit instead.)', 0)
            end
            count = count + 1
            values[count], at = unpack_value(data, at)
        end
    end)
    if not ok then
        if reason == MISSING then error('Missing bytes in input.', 3) end
        if reason == BAD then error('Bad data format in input.', 3) end
        if type(reason) == 'string' and sub(reason, 1, 5) == 'stack' then error(reason, 3) end
        error(reason, 0)
    end
    return count, at, values
end

local function text_argument(...)
    local data = ...
    if not is_text(data) then expected(3, 1, 'string', ...) end
    return tostring(data)
end

local function number_argument(n, ...)
    local v = select(n, ...)
    local number = is_text(v) and tonumber(v)
    if not number then expected(3, n, 'number', ...) end
    return to_integer(number)
end

local cmsgpack = {
    _NAME = 'cmsgpack', _VERSION = 'lua-cmsgpack 0.4.0',
    _COPYRIGHT = 'Copyright (C) 2012, Salvatore Sanfilippo',
    _DESCRIPTION = 'MessagePack C implementation for Lua',
}

function cmsgpack.pack(...)
    local count = select('#', ...)
    if count == 0 then blame(2, 0, 'MessagePack pack needs input.') end
    local parts = {}
    for index = 1, count do pack_value((select(index, ...)), parts, 0) end
    return concat(parts)
end

function cmsgpack.unpack(...)
    local count, _, values = unpack_some(text_argument(...), 0, 0)
    return unpack(values, 1, count)
end

function cmsgpack.unpack_one(...)
    local offset = select(2, ...) ~= nil and number_argument(2, ...) or 0
    local data = text_argument(...)
    local count, stop, values = unpack_some(data, 1, offset)
    return stop > #data and -1 or stop - 1, unpack(values, 1, count)
end

function cmsgpack.unpack_limit(...)
    local limit = number_argument(2, ...)
    local offset = select(3, ...) ~= nil and number_argument(3, ...) or 0
    local data = text_argument(...)
    local count, stop, values = unpack_some(data, limit, offset)
    if limit == 0 and offset == 0 then return unpack(values, 1, count) end
    return stop > #data and -1 or stop - 1, unpack(values, 1, count)
end

world.publish('cmsgpack', cmsgpack)
return world
