-- evict: ends some of a principal's sessions, those of an index that `create` has found crowded.
--
-- KEYS[1]  index of the owner, `<prefix>:{<tag>}:p:<22 characters>`
-- ARGV[1]  an id (22 characters), as are all that follow; at most 500
--
-- answer   {id, …}   ids that were in the index and whose records were live
--
-- Records are reached by keys built from KEYS[1]: same prefix, same tag, so the same slot by
-- construction. The index goes after the records, so that a refusal in between leaves what is still
-- live in it. One that has expired meanwhile stays for `create`.

local base, owner = string.sub(KEYS[1], 1, -25), string.sub(KEYS[1], -22)
local ended = {}
for _, id in ipairs(ARGV) do
  -- Not in the index any more: rotated since it was listed, and what stands at this id is its trail.
  if redis.call('HGET', KEYS[1], id) and redis.call('DEL', base .. 's:' .. id) == 1 then
    -- pcall: on a Cluster, where the slot is being moved, a set that is not there is an error.
    redis.pcall('ZREM', base .. 'x', id .. owner)
    ended[#ended + 1] = id
  end
end
if #ended > 0 then redis.call('HDEL', KEYS[1], unpack(ended)) end
return ended
