-- audit-group: a group of consumers of the audit, from its oldest entry on. One that is there stays as it is.
--
-- KEYS[1]  the audit, a stream
-- ARGV[1]  name of the group
-- ARGV[2]  ms the audit lives if it is made for the group
--
-- answer   {1}  done
redis.pcall('XGROUP', 'CREATE', KEYS[1], ARGV[1], '0', 'MKSTREAM')
if redis.call('PTTL', KEYS[1]) == -1 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return {1}
