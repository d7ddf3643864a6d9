-- revoke-all: ends all of a principal's sessions but one.
--
-- KEYS[1]  index of the owner, `<prefix>:{<tag>}:p:<22 characters>`
-- ARGV[1]  the id (22 characters) that stays, or '' for none
--
-- answer   {id, …}   ids (22 characters) whose records were live
--
-- Records are reached by keys built from KEYS[1]: same prefix, same tag, so the same slot by
-- construction. Only so does no login slip between two steps.
--
-- Only deletes: a server out of memory carries it out. The index goes after the records, so that
-- a refusal in between leaves what is still live in it. One DEL a record: its answer tells whether
-- the record was live, and no call outgrows the bounded Lua stack.

local base = string.sub(KEYS[1], 1, -25) .. 's:'
local ids = redis.call('HKEYS', KEYS[1])
local ended, rest, kept = {}, {}, false
for _, id in ipairs(ids) do
  if id == ARGV[1] then
    kept = true
  else
    rest[#rest + 1] = id
    if redis.call('DEL', base .. id) == 1 then ended[#ended + 1] = id end
  end
end
if kept then
  for i = 1, #rest, 1000 do
    redis.call('HDEL', KEYS[1], unpack(rest, i, math.min(i + 999, #rest)))
  end
else
  redis.call('DEL', KEYS[1])
end
return ended
