-- commit: replaces a record if nobody else has in the meantime (compare-and-set on the stamp).
--
-- KEYS[1]  record
-- ARGV[1]  lifetime of the new record, ms; '': the lifetime stays as it is
-- ARGV[2]  base, 8 bytes: the stamp the caller read, bytes 2 to 9 of the record; then the new record
-- ARGV[3]  'x': the expiry of this session of nobody is told of (`claim`), and may come sooner than it was set
--          to; absent in the usual case
--
-- answer   {1, ttl}           done
--          {2, record, ttl}   conflict: another stamp is stored; nothing was written
--          {3}                gone: there is no record; nothing was written
--
-- The trailing PTTL makes the server track the key again for this connection's near cache, which
-- an own write ends. A stamp counts only whole: of a key that is not there GETRANGE answers ''.
-- Base and record are one argument because each binary one costs the client two more pieces to write.

local stamp = redis.call('GETRANGE', KEYS[1], 2, 9)
if stamp ~= string.sub(ARGV[2], 1, 8) or #stamp ~= 8 then
  local record = redis.call('GET', KEYS[1])
  if not record then return {3} end
  return {2, record, redis.call('PTTL', KEYS[1])}
end
if ARGV[1] == '' then
  redis.call('SET', KEYS[1], string.sub(ARGV[2], 9), 'KEEPTTL')
else
  -- Only writes to the set: a read would have the server tell our near cache of each change to it. The first
  -- is before SET: on a Cluster, where the slot is being moved and the set is not here, it ends the script.
  local awaited = string.sub(KEYS[1], 1, -25) .. 'x'
  local life = string.format('%.0f', ARGV[1] + 86400000)
  local lasts = ARGV[3] and redis.call('PEXPIRE', awaited, life, 'GT')
  redis.call('SET', KEYS[1], string.sub(ARGV[2], 9), 'PX', ARGV[1])
  if ARGV[3] then
    redis.call('ZADD', awaited, redis.call('PEXPIRETIME', KEYS[1]), string.sub(KEYS[1], -22))
    if lasts == 0 then redis.call('PEXPIRE', awaited, life, 'NX') end
  end
end
return {1, redis.call('PTTL', KEYS[1])}
