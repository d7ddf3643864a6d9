-- rotate: the session goes on under a new id; the old id ends, or keeps a trail.
--
-- KEYS[1]  record at the old id
-- KEYS[2]  record at the new id, same partition
-- KEYS[3]  index of the owner; absent without an owner
-- ARGV[1]  base: the stamp the caller read at the old id, bytes 2 to 9 of the record
-- ARGV[2]  the record for the new id
-- ARGV[3]  its lifetime, ms
-- ARGV[4]  what is left at the old id, or '' for nothing
-- ARGV[5]  its lifetime, ms
-- ARGV[6]  descriptor of the index entry
-- ARGV[7]  ms the index has to live at least
-- the last 'x': its expiry is told of (`claim`), as it is if it was to be at the old id
--
-- answer   {1, ttl}           done; ttl of the new id
--          {2, record, ttl}   conflict: the old id has another stamp, or the new id is taken (then
--                             with the base's stamp); nothing was written
--          {3}                gone: nothing stands at the old id; nothing was written
--
-- The order of writes: SET comes first, because it is the one that a server out of memory refuses;
-- the old id goes last, so that a refusal in between loses no session. The trailing PTTL makes the
-- server track the new key for this connection's near cache. A stamp counts only whole: of a key that
-- is not there GETRANGE answers ''.

local stamp = redis.call('GETRANGE', KEYS[1], 2, 9)
if stamp ~= ARGV[1] or #stamp ~= 8 or redis.call('EXISTS', KEYS[2]) == 1 then
  local record = redis.call('GET', KEYS[1])
  if not record then return {3} end
  return {2, record, redis.call('PTTL', KEYS[1])}
end

redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
if KEYS[3] then
  -- Before the entry: should PEXPIRE be forbidden, the script ends here and not after HSET.
  local need = math.max(redis.call('PTTL', KEYS[3]), tonumber(ARGV[7]))
  local lasts = redis.call('PEXPIRE', KEYS[3], string.format('%.0f', need))
  redis.call('HSET', KEYS[3], string.sub(KEYS[2], -22), ARGV[6])
  if lasts == 0 then redis.call('PEXPIRE', KEYS[3], string.format('%.0f', need)) end
end
-- pcall: on a Cluster, where the slot is being moved, a set that is not there is an error.
-- Only writes to the set: a read would have the server tell our near cache of each change to it.
local awaited = string.sub(KEYS[1], 1, -25) .. 'x'
local owner = string.sub(KEYS[3] or '', -22)
local wasAwaited = redis.pcall('ZREM', awaited, string.sub(KEYS[1], -22) .. owner)
if wasAwaited == 1 or ARGV[#ARGV] == 'x' then
  local life = string.format('%.0f', ARGV[3] + 86400000)
  local lasts = redis.call('PEXPIRE', awaited, life, 'GT')
  redis.call('ZADD', awaited, redis.call('PEXPIRETIME', KEYS[2]), string.sub(KEYS[2], -22) .. owner)
  if lasts == 0 then redis.call('PEXPIRE', awaited, life, 'NX') end
end
-- Beside the end of the old id: an entry that went before a refusal would leave a live session unlisted.
if KEYS[3] then redis.call('HDEL', KEYS[3], string.sub(KEYS[1], -22)) end
if ARGV[4] == '' then
  redis.call('DEL', KEYS[1])
else
  redis.call('SET', KEYS[1], ARGV[4], 'PX', ARGV[5])
end
return {1, redis.call('PTTL', KEYS[2])}
