-- commit: replaces a record if nobody else has in the meantime (compare-and-set on the stamp).
--
-- KEYS[1]  record
-- ARGV[1]  base: the stamp the caller read, bytes 2 to 9 of the record
-- ARGV[2]  the new record
-- ARGV[3]  its lifetime, ms
--
-- answer   {1, ttl}           done
--          {2, record, ttl}   conflict: another stamp is stored; nothing was written
--          {3}                gone: there is no record; nothing was written
--
-- The trailing PTTL makes the server track the key again for this connection's near cache, which
-- an own write ends. A stamp counts only whole: of a key that is not there GETRANGE answers ''.

local stamp = redis.call('GETRANGE', KEYS[1], 2, 9)
if stamp ~= ARGV[1] or #stamp ~= 8 then
  local record = redis.call('GET', KEYS[1])
  if not record then return {3} end
  return {2, record, redis.call('PTTL', KEYS[1])}
end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return {1, redis.call('PTTL', KEYS[1])}
