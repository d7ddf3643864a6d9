-- mirror: makes a session here what it is in another Redis, unless it has changed here meanwhile. For moving
-- sessions from one Redis to another (`sojourn migrate`); applications do not run it.
--
-- KEYS[1]  record
-- KEYS[2]  marks of the partition, `<prefix>:{<tag>}:m`
-- KEYS[3]  index of the owner, of the record that is put or of the one that is here; absent without an owner
-- ARGV[1]  the stamp that must stand here, bytes 2 to 9 of the record; '': nothing must
-- ARGV[2]  the mark that must stand here, '' for none; '-': no marks are kept here
-- ARGV[3]  what is put: a record or a trail; '': what is here ends; '=': it stays, with this lifetime at least
-- ARGV[4]  lifetime, ms; '': as it is
-- ARGV[5]  descriptor of the index entry; '': of a record the entry stays as it is, of a trail it goes
-- ARGV[6]  'x': its expiry is told of (`claim`); else ''
-- ARGV[7]  the mark from now on, '' for none
-- ARGV[8]  ms the index has to live at least
-- ARGV[9]  ms the marks have to live at least
--
-- answer   1  done
--          0  another stamp, or another mark, stands here; nothing was written
--
-- An end begins with DEL: a server out of memory lets a script delete, and refuses one whose first write
-- needs memory.

local id, index = string.sub(KEYS[1], -22), KEYS[3]
if redis.call('GETRANGE', KEYS[1], 2, 9) ~= ARGV[1] then return 0 end
if ARGV[2] ~= '-' and (redis.call('HGET', KEYS[2], id) or '') ~= ARGV[2] then return 0 end

-- A key that is not there has no lifetime to be made longer: it gets one behind the write that makes it.
local function write(key, life, command, ...)
  local lasts = redis.call('PEXPIRE', key, life, 'GT')
  redis.call(command, key, ...)
  if lasts == 0 then redis.call('PEXPIRE', key, life, 'NX') end
end

local awaited = string.sub(KEYS[1], 1, -25) .. 'x'
local member = id .. string.sub(index or '', -22)
if ARGV[3] == '' then
  redis.call('DEL', KEYS[1])
  if index then redis.call('HDEL', index, id) end
  redis.call('ZREM', awaited, member)
elseif ARGV[3] == '=' then
  if ARGV[4] ~= '' then redis.call('PEXPIRE', KEYS[1], ARGV[4], 'GT') end
else
  redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4])
  if index and ARGV[5] ~= '' then write(index, ARGV[8], 'HSET', id, ARGV[5]) end
  if index and (string.byte(ARGV[3], 2) or 0) >= 128 then redis.call('HDEL', index, id) end
  if ARGV[6] == 'x' then
    local life = string.format('%.0f', ARGV[4] + 86400000)
    write(awaited, life, 'ZADD', redis.call('PEXPIRETIME', KEYS[1]), member)
  else
    redis.call('ZREM', awaited, member)
  end
end
if ARGV[2] == '-' then return 1 end
if ARGV[7] == '' then redis.call('HDEL', KEYS[2], id)
elseif ARGV[7] ~= ARGV[2] then write(KEYS[2], ARGV[9], 'HSET', id, ARGV[7]) end
return 1
