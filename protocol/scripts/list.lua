-- list: a principal's live sessions, in no particular order; removes entries whose record is gone.
--
-- KEYS[1]  index of the owner, `<prefix>:{<tag>}:p:<22 characters>`
--
-- answer   {id, descriptor, ttl, id, descriptor, ttl, …}   ids of 22 characters
--
-- Records are reached by keys built from KEYS[1]: same prefix, same tag, so the same slot by
-- construction. Only so is the list one step.

local base = string.sub(KEYS[1], 1, -25) .. 's:'
local all = redis.call('HGETALL', KEYS[1])
local answer, n, dead = {}, 0, {}
for i = 1, #all, 2 do
  local ttl = redis.call('PTTL', base .. all[i])
  if ttl == -2 then
    dead[#dead + 1] = all[i]
  else
    answer[n + 1], answer[n + 2], answer[n + 3] = all[i], all[i + 1], ttl
    n = n + 3
  end
end
-- In chunks: a call takes its arguments from the bounded Lua stack. pcall: a server that refuses
-- writes (read-only, persistence failing) still answers the list.
for i = 1, #dead, 1000 do
  redis.pcall('HDEL', KEYS[1], unpack(dead, i, math.min(i + 999, #dead)))
end
return answer
