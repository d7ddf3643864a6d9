-- destroy: ends a session: removes its record and its entry in the principal's index.
--
-- KEYS[1]  record
-- KEYS[2]  index of the owner; absent without an owner
-- ARGV[1]  what is left at the id if there was a record, or '' for nothing
-- ARGV[2]  its lifetime, ms
-- ARGV[3]  base: only if this stamp is stored, bytes 2 to 9 of the record; absent: any
--
-- answer   {1, ttl}           done; ttl of what was left, -2 when nothing was
--          {2, record, ttl}   conflict: another stamp is stored; nothing was written
--          {3}                gone: there was no record; the index entry is removed all the same
--
-- DEL is the first write: a server out of memory lets a script delete, and refuses one whose first
-- write needs memory. So logout works there, with a trail too.

if ARGV[3] then
  local stamp = redis.call('GETRANGE', KEYS[1], 2, 9)
  if stamp ~= ARGV[3] or #stamp ~= 8 then
    local record = redis.call('GET', KEYS[1])
    if record then return {2, record, redis.call('PTTL', KEYS[1])} end
  end
end

local existed = redis.call('DEL', KEYS[1])
if KEYS[2] then redis.call('HDEL', KEYS[2], string.sub(KEYS[1], -22)) end
if existed == 0 then return {3} end
if ARGV[1] == '' then return {1, -2} end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return {1, redis.call('PTTL', KEYS[1])}
