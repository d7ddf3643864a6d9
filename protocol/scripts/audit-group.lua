-- audit-group: a group of consumers of the audit, from its oldest entry on. One that is there stays as it is,
-- but for consumers that are gone: they have not come for long, and have nothing in hand.
--
-- KEYS[1]  the audit, a stream
-- ARGV[1]  name of the group
-- ARGV[2]  ms the audit lives if it is made for the group
-- ARGV[3]  ms after which a consumer is gone; one that comes later all the same is made anew
--
-- answer   {1}  done
--
-- In one step: whoever is given entries between a look and XGROUP DELCONSUMER would lose them.
redis.pcall('XGROUP', 'CREATE', KEYS[1], ARGV[1], '0', 'MKSTREAM')
if redis.call('PTTL', KEYS[1]) == -1 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
for _, flat in ipairs(redis.pcall('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local consumer = {}
  for i = 1, #flat, 2 do consumer[flat[i]] = flat[i + 1] end
  if consumer.pending == 0 and consumer.idle > tonumber(ARGV[3]) then
    redis.pcall('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], consumer.name)
  end
end
return {1}
