-- list: a principal's live sessions, in no particular order; removes entries whose record is gone.
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
local sessions, n, dead = {}, 0, {}
for i = 1, #all, 2 do
  local ttl = redis.call('PTTL', base .. 's:' .. all[i])
  if ttl == -2 then
    -- One that has expired stays until that is told (`claim`). pcall: on a Cluster, where the slot is being
    -- moved, a set that is not there is an error and not an empty one.
    local due = redis.pcall('ZSCORE', base .. 'x', all[i] .. owner)
    if type(due) ~= 'string' then dead[#dead + 1] = all[i] end
  else
    sessions[n + 1], sessions[n + 2], sessions[n + 3] = all[i], all[i + 1], ttl
    n = n + 3
  end
end
-- In chunks: a call takes its arguments from the bounded Lua stack. pcall: a server that refuses
-- writes (read-only, persistence failing) still answers the list.
for i = 1, #dead, 1000 do
  redis.pcall('HDEL', KEYS[1], unpack(dead, i, math.min(i + 999, #dead)))
end
return {cursor, sessions}
