-- list: a principal's live sessions, in no particular order; removes entries whose record is gone. Of those
-- whose end is still to be told (`claim`) the descriptors go to `<prefix>:{<tag>}:d`.
-- Of a large index one page a call, so that nobody waits for it.
--
-- KEYS[1]  index of the owner, `<prefix>:{<tag>}:p:<22 characters>`
-- ARGV[1]  cursor: '0' for the first page, then what the call before has answered
--
-- answer   {cursor, {id, descriptor, ttl, id, descriptor, ttl, …}}   ids of 22 characters; with the cursor
--          '0' there are no more. An id may be on several pages; one that comes or goes between two
--          of them may be on none.
--
-- Records are reached by keys built from KEYS[1]: same prefix, same tag, so the same slot by
-- construction. Only so is a page one step.

local PAGE = 500

local base, owner = string.sub(KEYS[1], 1, -25), string.sub(KEYS[1], -22)
local cursor, all = '0'
if ARGV[1] == '0' and redis.call('HLEN', KEYS[1]) <= PAGE then
  all = redis.call('HGETALL', KEYS[1])
else
  cursor, all = unpack(redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', PAGE))
end
local sessions, n, dead = {}, 0, {} -- dead: id, descriptor, …
for i = 1, #all, 2 do
  local ttl = redis.call('PTTL', base .. 's:' .. all[i])
  if ttl == -2 then
    dead[#dead + 1], dead[#dead + 2] = all[i], all[i + 1]
  else
    sessions[n + 1], sessions[n + 2], sessions[n + 3] = all[i], all[i + 1], ttl
    n = n + 3
  end
end
-- PEXPIRE takes no memory, and a full server lets through what comes after it. In chunks: a call takes its
-- arguments from the bounded Lua stack. pcall: a server that refuses writes (read-only, persistence failing)
-- still answers the list.
local departed, DAY = base .. 'd', 86400000
local lasts = #dead > 0 and redis.pcall('PEXPIRE', departed, DAY, 'GT')
for i = 1, #dead, 200 do
  local ids, members, moved = {}, {}, {}
  for j = i, math.min(i + 199, #dead), 2 do
    ids[#ids + 1], members[#members + 1] = dead[j], dead[j] .. owner
  end
  for n, due in ipairs(redis.pcall('ZMSCORE', base .. 'x', unpack(members))) do
    if due then moved[#moved + 1], moved[#moved + 2] = members[n], dead[i + 2 * n - 1] end
  end
  if #moved > 0 and type(lasts) == 'number' then
    redis.pcall('HSET', departed, unpack(moved))
    if lasts == 0 then redis.pcall('PEXPIRE', departed, DAY, 'NX') end
  end
  redis.pcall('HDEL', KEYS[1], unpack(ids))
end
return {cursor, sessions}
