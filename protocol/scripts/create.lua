-- create: stores a new record; with an owner also enters it in the principal's index, removes
-- entries whose record is gone, and enforces the session limit.
--
-- KEYS[1]  record, `<prefix>:{<tag>}:s:<22 characters>`
-- KEYS[2]  index of the owner, `<prefix>:{<tag>}:p:<22 characters>`; absent without an owner
-- ARGV[1]  the record
-- ARGV[2]  its lifetime, ms
-- ARGV[3]  descriptor of the index entry; its bytes 1 to 6 are the creation time (u48, big endian)
-- ARGV[4]  ms the index has to live at least
-- ARGV[5]  how many sessions the owner may have, 0: no limit
-- ARGV[6]  1: at the limit the oldest make room, 0: the new one is rejected
--
-- answer   {1, ttl, {id, …}}  created; the ids (22 characters) that were evicted
--          {4}                exists: a record stands under that key; nothing was written
--          {5}                rejected: the limit is reached; nothing was stored
--
-- Records of the same principal are reached by keys built from KEYS[1]: same prefix, same tag, so
-- the same slot by construction. Only so can limit and login be one step.
--
-- The order of writes: SET comes first, because it is the one that a server out of memory refuses,
-- and a script that has written something else before is let through. No key is without a lifetime
-- at any time at which a further command could be refused.

if redis.call('EXISTS', KEYS[1]) == 1 then return {4} end
if not KEYS[2] then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
  return {1, redis.call('PTTL', KEYS[1]), {}}
end

local SMALL = 100 -- an index up to here is looked through at each login
local SAMPLE = 50 -- of a larger one so many entries: more than one new entry can outgrow

local base, own = string.sub(KEYS[1], 1, -23), string.sub(KEYS[1], -22)
local max = tonumber(ARGV[5])
local size = redis.call('HLEN', KEYS[2])
local dead, live = {}, 0
local entries = {}

if size <= SMALL or (max > 0 and size >= max) then
  local all = redis.call('HGETALL', KEYS[2])
  for i = 1, #all, 2 do
    if redis.call('EXISTS', base .. all[i]) == 0 then
      if all[i] ~= own then dead[#dead + 1] = all[i] end
    else
      local descriptor = all[i + 1]
      -- A number, not the bytes: strings compare by locale.
      local created = #descriptor >= 7 and struct.unpack('>I6', descriptor, 2) or 0
      live = live + 1
      entries[live] = {all[i], created}
    end
  end
else
  for _, id in ipairs(redis.call('HRANDFIELD', KEYS[2], SAMPLE)) do
    if id ~= own and redis.call('EXISTS', base .. id) == 0 then dead[#dead + 1] = id end
  end
end

-- In chunks: a call takes its arguments from the bounded Lua stack.
local function forget(ids)
  for i = 1, #ids, 1000 do
    redis.call('HDEL', KEYS[2], unpack(ids, i, math.min(i + 999, #ids)))
  end
end

local surplus = max > 0 and live + 1 - max or 0
if surplus > 0 and ARGV[6] ~= '1' then
  forget(dead)
  return {5}
end

redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
local evicted = {}
if surplus > 0 then
  table.sort(entries, function(a, b) return a[2] < b[2] end)
  for i = 1, math.min(surplus, live) do
    evicted[i] = entries[i][1]
    redis.call('DEL', base .. evicted[i])
  end
end

-- Before the entry: should PEXPIRE be forbidden, the script ends here and not after HSET.
local need = math.max(redis.call('PTTL', KEYS[2]), tonumber(ARGV[4]))
local lasts = redis.call('PEXPIRE', KEYS[2], string.format('%.0f', need))
redis.call('HSET', KEYS[2], own, ARGV[3])
if lasts == 0 then redis.call('PEXPIRE', KEYS[2], string.format('%.0f', need)) end
-- After the new entry, so that the index does not end and take its lifetime along.
forget(dead)
forget(evicted)
return {1, redis.call('PTTL', KEYS[1]), evicted}
