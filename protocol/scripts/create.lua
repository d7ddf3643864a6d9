-- create: stores a new record; with an owner also enters it in the principal's index, removes
-- entries whose record is gone, and enforces the session limit. Of those whose end is still to be told
-- (`claim`) the descriptors go to `<prefix>:{<tag>}:d`.
--
-- KEYS[1]  record, `<prefix>:{<tag>}:s:<22 characters>`
-- KEYS[2]  index of the owner, `<prefix>:{<tag>}:p:<22 characters>`; absent without an owner
-- ARGV[1]  the record
-- ARGV[2]  its lifetime, ms
-- ARGV[3]  descriptor of the index entry (protocol/README.md, 8): bytes 1 to 6 are the creation time,
--          7 to 12 the idle timeout (u48, big endian, ms), 13 to 16 the kind
-- ARGV[4]  ms the index has to live at least
-- ARGV[5]  how many sessions the owner may have, 0: no limit
-- ARGV[6]  how many of the descriptor's kind, 0: no limit of its own
-- ARGV[7]  at the limit 0: the new one is rejected, 1: the oldest make room, 2: the longest unused do
-- ARGV[8]  the id (22 characters) of a session that ends with this login, or '': it neither counts
--          nor makes room; where a forward stands, its successor
-- ARGV[9]  1: looks through a crowded index all the same
-- the last 'x': its expiry is told of, see `claim`
--
-- answer   {1, ttl, {id, …}}  created; the ids (22 characters) that were evicted
--          {4}                exists: a record stands under that key; nothing was written
--          {5, kind}          rejected: a limit is reached, with kind 1 that of its kind; nothing was stored
--          {6}                crowded: with a limit, so large an index is not looked through in one step;
--                             nothing was written
--
-- Records of the same principal are reached by keys built from KEYS[1]: same prefix, same tag, so
-- the same slot by construction. Only so can limit and login be one step.
--
-- The order of writes: SET comes first, because it is the one that a server out of memory refuses,
-- and a script that has written something else before is let through. No key is without a lifetime
-- at any time at which a further command could be refused.

if redis.call('EXISTS', KEYS[1]) == 1 then return {4} end
local base, own = string.sub(KEYS[1], 1, -23), string.sub(KEYS[1], -22)
local awaited = string.sub(base, 1, -3) .. 'x'
-- Told of when it expires. Only writes to the set: a read would have the server tell this connection's
-- near cache of each change to it.
local function await(member)
  if ARGV[#ARGV] ~= 'x' then return end
  local life = string.format('%.0f', ARGV[2] + 86400000)
  local lasts = redis.call('PEXPIRE', awaited, life, 'GT')
  redis.call('ZADD', awaited, redis.call('PEXPIRETIME', KEYS[1]), member)
  if lasts == 0 then redis.call('PEXPIRE', awaited, life, 'NX') end
end

if not KEYS[2] then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
  await(own)
  return {1, redis.call('PTTL', KEYS[1]), {}}
end

local SMALL = 100 -- an index up to here is looked through at each login
local SAMPLE = 50 -- of a larger one so many entries: more than one new entry can outgrow
local CROWD = 1500 -- a larger one would hold up the server
local MOST = 500 -- dead entries that one login removes

local owner = string.sub(KEYS[2], -22)
local max, maxOfKind = tonumber(ARGV[5]) or 0, tonumber(ARGV[6]) or 0
local size = redis.call('HLEN', KEYS[2])
if max > 0 and size > CROWD and ARGV[9] ~= '1' then return {6} end

local least = maxOfKind > 0 and math.min(max, maxOfKind) or max
local dead, live, ofKind = {}, {}, 0
local function isDead(id, descriptor)
  if id ~= own and #dead < 2 * MOST then dead[#dead + 1], dead[#dead + 2] = id, descriptor end
end
if size <= SMALL or (max > 0 and size >= least) then
  local kind = string.sub(ARGV[3], 14, 17)
  local leaving = ARGV[8] or ''
  -- Rotated meanwhile: a forward, as the marker of a step-up, has its successor's id, tag and 22
  -- characters, in bytes 16 to 40.
  local tag = string.match(base, '{(.-)}:s:$')
  for _ = 1, leaving == '' and 0 or 64 do
    local head = redis.call('GETRANGE', base .. leaving, 0, 40)
    if not string.find(head, '^\1[\128\129]') or string.sub(head, 17, 19) ~= tag then break end
    leaving = string.sub(head, 20, 41)
  end
  local all = redis.call('HGETALL', KEYS[2])
  for i = 1, #all, 2 do
    local id, descriptor = all[i], all[i + 1]
    local ttl = redis.call('PTTL', base .. id)
    if ttl == -2 then
      isDead(id, descriptor)
    elseif id ~= leaving then
      local isOfKind = string.sub(descriptor, 14, 17) == kind
      if isOfKind then ofKind = ofKind + 1 end
      live[#live + 1] = {id, isOfKind, descriptor, ttl}
    end
  end
else
  local some = redis.call('HRANDFIELD', KEYS[2], SAMPLE, 'WITHVALUES')
  for i = 1, #some, 2 do
    if redis.call('EXISTS', base .. some[i]) == 0 then isDead(some[i], some[i + 1]) end
  end
end

-- PEXPIRE takes no memory, and a full server lets through what comes after it. In chunks: a call takes its
-- arguments from the bounded Lua stack. pcall: what cannot be kept is told of without its owner, and holds
-- up nobody.
local function depart()
  if #dead == 0 then return end
  local departed, DAY = string.sub(base, 1, -3) .. 'd', 86400000
  local lasts = redis.pcall('PEXPIRE', departed, DAY, 'GT')
  for i = 1, #dead, 200 do
    local ids, members, moved = {}, {}, {}
    for j = i, math.min(i + 199, #dead), 2 do
      ids[#ids + 1], members[#members + 1] = dead[j], dead[j] .. owner
    end
    for n, due in ipairs(redis.pcall('ZMSCORE', awaited, unpack(members))) do
      if due then moved[#moved + 1], moved[#moved + 2] = members[n], dead[i + 2 * n - 1] end
    end
    if #moved > 0 and type(lasts) == 'number' then
      redis.pcall('HSET', departed, unpack(moved))
      if lasts == 0 then redis.pcall('PEXPIRE', departed, DAY, 'NX') end
    end
    redis.call('HDEL', KEYS[2], unpack(ids))
  end
end

local surplus = max > 0 and #live + 1 - max or 0
local surplusOfKind = maxOfKind > 0 and ofKind + 1 - maxOfKind or 0
if (surplus > 0 or surplusOfKind > 0) and ARGV[7] == '0' then
  depart()
  return {5, surplusOfKind > 0 and 1 or 0}
end

redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
await(own .. owner)
local evicted = {}
if surplus > 0 or surplusOfKind > 0 then
  -- Numbers, not the bytes: strings compare by locale.
  for _, session in ipairs(live) do
    local descriptor, ttl = session[3], session[4]
    local created, idle = 0, 0
    if #descriptor >= 13 then created, idle = struct.unpack('>I6I6', descriptor, 2) end
    session[5] = created
    -- Since its last use a session has lost what its lifetime lacks to the idle timeout.
    if ARGV[7] == '2' then session[5] = ttl == -1 and math.huge or ttl - idle end
  end
  table.sort(live, function(a, b) return a[5] < b[5] end)
  local function evict(session)
    redis.call('DEL', base .. session[1])
    redis.pcall('ZREM', awaited, session[1] .. owner)
    evicted[#evicted + 1] = session[1]
    session[1] = nil
    surplus = surplus - 1
  end
  for _, session in ipairs(live) do
    if surplusOfKind <= 0 then break end
    if session[2] then
      evict(session)
      surplusOfKind = surplusOfKind - 1
    end
  end
  for _, session in ipairs(live) do
    if surplus <= 0 then break end
    if session[1] then evict(session) end
  end
end

-- Before the entry: should PEXPIRE be forbidden, the script ends here and not after HSET.
local need = math.max(redis.call('PTTL', KEYS[2]), tonumber(ARGV[4]))
local lasts = redis.call('PEXPIRE', KEYS[2], string.format('%.0f', need))
redis.call('HSET', KEYS[2], own, ARGV[3])
if lasts == 0 then redis.call('PEXPIRE', KEYS[2], string.format('%.0f', need)) end
-- After the new entry, so that the index does not end and take its lifetime along.
depart()
-- In chunks: a call takes its arguments from the bounded Lua stack.
for i = 1, #evicted, 1000 do
  redis.call('HDEL', KEYS[2], unpack(evicted, i, math.min(i + 999, #evicted)))
end
return {1, redis.call('PTTL', KEYS[1]), evicted}
