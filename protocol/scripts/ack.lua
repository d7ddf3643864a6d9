-- ack: those that `claim` has answered are told of. They leave their principals' indexes as well, or the hash
-- that a call has moved them to.
--
-- KEYS[1]  `<prefix>:{<tag>}:x`; one for each argument, any of them several times
-- ARGV[1]  the member, as `claim` has answered it; and so on
--
-- answer   1
--
-- Indexes are reached by keys built from KEYS: same prefix, same tag, so the same slot by construction.

for i, x in ipairs(KEYS) do
  local member = ARGV[i]
  local owner = string.sub(member, 23)
  if owner ~= '' then
    redis.call('HDEL', string.sub(x, 1, -2) .. 'p:' .. owner, string.sub(member, 1, 22))
    -- pcall: on a Cluster, where the slot is being moved, a hash that is not there is an error.
    redis.pcall('HDEL', string.sub(x, 1, -2) .. 'd', member)
  end
  redis.call('ZREM', x, member)
end
return 1
