-- gaps: adds to the counters of how long people were away.
--
-- KEYS[1]  counters of one day, a hash
-- ARGV[1]  lifetime of the key from now on, ms
-- ARGV[2]  number of a bucket
-- ARGV[3]  what is added to it; and so on in pairs
--
-- answer   1

-- Before the counters: should PEXPIRE be forbidden, the script ends here and not after HINCRBY.
local lasts = redis.call('PEXPIRE', KEYS[1], ARGV[1])
for i = 2, #ARGV, 2 do
  redis.call('HINCRBY', KEYS[1], ARGV[i], ARGV[i + 1])
  if lasts == 0 then lasts = redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
end
return 1
