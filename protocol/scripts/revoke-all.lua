-- revoke-all: ends all of a principal's sessions but one. Of very many it ends some; to be called
-- again while any are left: the last call is one step, and ends whatever there is at that moment.
--
-- KEYS[1]  index of the owner, `<prefix>:{<tag>}:p:<22 characters>`
-- ARGV[1]  the id (22 characters) that stays, or '' for none; where a forward stands, its successor stays
--
-- answer   {left, {id, …}}   left 1: call again; ids (22 characters) whose records were live
--
-- Records are reached by keys built from KEYS[1]: same prefix, same tag, so the same slot by
-- construction. Only so does no login slip between two steps.
--
-- Deletes come first: a server out of memory carries it out. The index goes after the records, so that
-- a refusal in between leaves what is still live in it. One DEL a record: its answer tells whether
-- the record was live, and no call outgrows the bounded Lua stack.
--
-- Of those that have expired, and whose end is still to be told (`claim`), the descriptors go to
-- `<prefix>:{<tag>}:d`.

local STEP = 500 -- more would hold up the server

local base = string.sub(KEYS[1], 1, -25) .. 's:'
local spared = ARGV[1]
-- Rotated meanwhile: a forward, as the marker of a step-up, has its successor's id, tag and 22
-- characters, in bytes 16 to 40.
local tag = string.match(base, '{(.-)}:s:$')
for _ = 1, spared == '' and 0 or 64 do
  local head = redis.call('GETRANGE', base .. spared, 0, 40)
  if not string.find(head, '^\1[\128\129]') or string.sub(head, 17, 19) ~= tag then break end
  spared = string.sub(head, 20, 41)
end

local left = redis.call('HLEN', KEYS[1]) > STEP and 1 or 0
local ids
if left == 1 then
  ids = redis.call('HRANDFIELD', KEYS[1], STEP)
else
  ids = redis.call('HKEYS', KEYS[1])
end
-- On a Cluster, where the slot is being moved, a record that has gone already ends the script here with an
-- error: before the first is deleted, so that none is ended that no answer names.
for _, id in ipairs(ids) do redis.call('EXISTS', base .. id) end
-- pcall below: there a set that is not there is an error too, and not an empty one.
local owner = string.sub(KEYS[1], -22)
local awaited = string.sub(base, 1, -3) .. 'x'
local ended, dead, rest, kept = {}, {}, {}, false
for _, id in ipairs(ids) do
  if id == spared then
    kept = true
  elseif redis.call('DEL', base .. id) == 1 then
    redis.pcall('ZREM', awaited, id .. owner)
    rest[#rest + 1], ended[#ended + 1] = id, id
  else
    rest[#rest + 1] = id
    local descriptor = redis.call('HGET', KEYS[1], id)
    if descriptor then dead[#dead + 1], dead[#dead + 2] = id, descriptor end
  end
end
-- PEXPIRE takes no memory, and a full server lets through what comes after it. pcall: what cannot be kept is
-- told of without its owner, and holds up nobody.
local departed, DAY = string.sub(base, 1, -3) .. 'd', 86400000
local lasts = #dead > 0 and redis.pcall('PEXPIRE', departed, DAY, 'GT')
for i = 1, #dead, 200 do
  local members, moved = {}, {}
  for j = i, math.min(i + 199, #dead), 2 do members[#members + 1] = dead[j] .. owner end
  for n, due in ipairs(redis.pcall('ZMSCORE', awaited, unpack(members))) do
    if due then moved[#moved + 1], moved[#moved + 2] = members[n], dead[i + 2 * n - 1] end
  end
  if #moved > 0 and type(lasts) == 'number' then
    redis.pcall('HSET', departed, unpack(moved))
    if lasts == 0 then redis.pcall('PEXPIRE', departed, DAY, 'NX') end
  end
end
if kept or left == 1 then
  if #rest > 0 then redis.call('HDEL', KEYS[1], unpack(rest)) end
else
  redis.call('DEL', KEYS[1])
end
return {left, ended}
