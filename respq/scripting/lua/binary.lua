-- bit and struct: numbers as bits and as bytes. Lua 5.1 has operators for neither, so Python does the work.
--
-- A callable answers with its result; with nil and a text if the call makes no sense; or with nil, the number
-- of a bad argument and what is wrong with it, where `number` and `string` mean that it should have been one.

local world = ...
local host, blame, expected = world.host, world.blame, world.expected

local error, ipairs, select, unpack = error, ipairs, select, unpack

local function refuse(reason, detail, ...)
    if detail == nil then error(reason, 3) end
    if detail == 'number' or detail == 'string' then expected(3, reason, detail, ...) end
    blame(3, reason, detail)
end

local function answering(callable)
    return function(...)
        local result, reason, detail = callable(...)
        if result == nil then refuse(reason, detail, ...) end
        return result
    end
end

local bit = {}
for _, name in ipairs({ 'arshift', 'band', 'bnot', 'bor', 'bswap', 'bxor', 'lshift', 'rol', 'ror', 'rshift',
    'tobit', 'tohex' }) do
    bit[name] = answering(host['bit_' .. name])
end
world.publish('bit', bit)

local struct = { size = answering(host.struct_size) }

function struct.pack(...)
    local result, reason, detail = host.struct_pack(...)
    if result then return result end
    if reason == 1 then refuse(reason, detail, ...) end
    refuse(reason, detail, unpack({ ... }, 1, select('#', ...) + 1)) -- behind the last one is nil, not nothing
end

local function unpacked(parameters, ok, ...)
    if ok then return ... end
    local reason, detail = ...
    if detail == nil then error(reason, 3) end
    if detail == 'number' or detail == 'string' then
        expected(3, reason, detail, unpack(parameters, 1, parameters.n))
    end
    blame(3, reason, detail)
end

function struct.unpack(...)
    return unpacked({ n = select('#', ...), ... }, host.struct_unpack(...))
end

world.publish('struct', struct)
return world
