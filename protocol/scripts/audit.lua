-- audit: appends entries to the audit, in their order and once, however often it is asked.
--
-- KEYS[1]  the audit, a stream, `<prefix>:{<tag of partition 0>}:a`
-- KEYS[2]  the writer's last batch, `<prefix>:{<tag of partition 0>}:a:<writer, 16 characters>`
-- ARGV[1]  number of this batch: 1, 2, … of this writer
-- ARGV[2]  about so many entries stay
-- ARGV[3]  ms an entry is kept
-- ARGV[4]  ms the writer's number is remembered
-- ARGV[5]  event of the first entry; then its time (ms), its details; then the same of the next, …
--
-- answer   {1}  done: all are in it, by this call or by an earlier one of the same number
--
-- XTRIM is also the first write, and takes no memory: a full server (out of memory) still takes entries,
-- of sign-outs for one. They are bounded by ARGV[2].
if tonumber(redis.call('GET', KEYS[2]) or 0) >= tonumber(ARGV[1]) then return {1} end

-- What may be refused comes first: an error after the first entry would have them all written again.
local now = redis.call('TIME')
local oldest = now[1] * 1000 + math.floor(now[2] / 1000) - ARGV[3]
redis.call('XTRIM', KEYS[1], 'MINID', string.format('%.0f', oldest))
local lasts = redis.call('PEXPIRE', KEYS[1], ARGV[3])
for i = 5, #ARGV, 3 do
  redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[2], '*', 'e', ARGV[i], 't', ARGV[i + 1], 'd', ARGV[i + 2])
end
if lasts == 0 then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[4])
return {1}
