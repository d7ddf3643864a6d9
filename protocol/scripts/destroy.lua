-- destroy: ends a session: removes its record and its entry in the principal's index.
--
-- KEYS[1]  record
-- KEYS[2]  index of the owner; absent without an owner
-- ARGV[1]  what is left at the id if there was a record, or '' for nothing
-- ARGV[2]  its lifetime, ms
-- ARGV[3]  base, 8 bytes: only if this stamp is stored, bytes 2 to 9 of the record; 'record': any
--          record, but no trail (byte 0 is 1, byte 1 from 0x80 on); absent: anything
--
-- answer   {1, ttl, record}   done; ttl of what was left, -2 when nothing was; the record that was
--                             ended, only with 'record'
--          {2, record, ttl}   conflict: another stamp, or a trail, is stored; nothing was written
--          {3}                gone: there was no record; the index entry is removed all the same. If its
--                             end is still to be told (`claim`), its descriptor goes to `<prefix>:{<tag>}:d`
--
-- DEL is the first write: a server out of memory lets a script delete, and refuses one whose first
-- write needs memory. So logout works there, with a trail too.

local record
if ARGV[3] == 'record' then
  record = redis.call('GET', KEYS[1])
  local version, flags = string.byte(record or '', 1, 2)
  if version == 1 and (flags or 0) >= 128 then
    return {2, record, redis.call('PTTL', KEYS[1])}
  end
elseif ARGV[3] then
  local stamp = redis.call('GETRANGE', KEYS[1], 2, 9)
  if stamp ~= ARGV[3] or #stamp ~= 8 then
    local other = redis.call('GET', KEYS[1])
    if other then return {2, other, redis.call('PTTL', KEYS[1])} end
  end
end

local existed = redis.call('DEL', KEYS[1])
local id, owner = string.sub(KEYS[1], -22), string.sub(KEYS[2] or '', -22)
local awaited = string.sub(KEYS[1], 1, -25) .. 'x'
if existed == 0 then
  local descriptor = KEYS[2] and redis.call('HGET', KEYS[2], id)
  if not descriptor then return {3} end
  -- pcall: what cannot be kept is told of without its owner.
  local departed, DAY = string.sub(awaited, 1, -2) .. 'd', 86400000
  local lasts = redis.pcall('PEXPIRE', departed, DAY, 'GT')
  local due = redis.pcall('ZMSCORE', awaited, id .. owner)
  if type(lasts) == 'number' and due[1] then
    redis.pcall('HSET', departed, id .. owner, descriptor)
    if lasts == 0 then redis.pcall('PEXPIRE', departed, DAY, 'NX') end
  end
  redis.call('HDEL', KEYS[2], id)
  return {3}
end
if KEYS[2] then redis.call('HDEL', KEYS[2], id) end
-- pcall: on a Cluster, where the slot is being moved, a set that is not there is an error and not an empty one.
redis.pcall('ZREM', awaited, id .. owner)
if ARGV[1] == '' then return {1, -2, record} end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return {1, redis.call('PTTL', KEYS[1]), record}
