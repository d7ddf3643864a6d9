-- claim: sessions that have expired, under a lease: whoever is answered tells of them and then runs
-- `ack`. Without that they are answered again after the lease, each time after twice as long.
--
-- KEYS[1]  what waits for its end, `<prefix>:{<tag>}:x`; then the same of further partitions
-- ARGV[1]  how many are looked at, at most
-- ARGV[2]  ms of the first lease; no further one is longer than an hour
-- ARGV[3]  only those that are due for more ms than this
--
-- answer   {rest, {key, member, descriptor, leases, …}}   rest: there are more, call again from this key
--          (KEYS[1] is 1) on, or 0; of each one the number of its key; id (22 characters) and owner tag (22, or
--          none); descriptor of the index entry, '' for none; how often it has been answered before
--
-- Scores are times, ms. A session's is that of when it would end; it may have been used since, which
-- its score learns only here: 1/64 ms are the leases that it has had.
--
-- PEXPIRE comes before ZADD, and takes no memory: a full server (out of memory) is asked for none.
--
-- Records and indexes are reached by keys built from KEYS: same prefix, same tag, so the same slot
-- by construction.

local HOUR = 3600000

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local due = string.format('(%.0f', now - ARGV[3])
local left = tonumber(ARGV[1])
local claimed, n, rest = {}, 0, 0
for k, x in ipairs(KEYS) do
  local found = redis.call('ZRANGE', x, '-inf', due, 'BYSCORE', 'LIMIT', 0, left, 'WITHSCORES')
  if #found > 0 then
    local base, scores, longest = string.sub(x, 1, -2), {}, 0
    for i = 1, #found, 2 do
      local member = found[i]
      local id, owner = string.sub(member, 1, 22), string.sub(member, 23)
      local ttl = redis.call('PTTL', base .. 's:' .. id)
      if ttl == -2 then
        local leases = math.floor(found[i + 1] % 1 * 64 + 0.5)
        local lease = math.min(ARGV[2] * 2 ^ leases, HOUR)
        scores[#scores + 1] = string.format('%.6f', now + lease + math.min(leases + 1, 63) / 64)
        scores[#scores + 1] = member
        local descriptor = owner ~= '' and redis.call('HGET', base .. 'p:' .. owner, id)
        claimed[n + 1], claimed[n + 2], claimed[n + 3], claimed[n + 4] = k, member, descriptor or '', leases
        n = n + 4
      elseif string.find(redis.call('GETRANGE', base .. 's:' .. id, 0, 1), '^\1[\128-\255]') then
        -- A trail: it was ended.
        redis.call('ZREM', x, member)
      else
        -- In use. Without a lifetime only by somebody's PERSIST.
        if ttl < 0 then ttl = HOUR end
        longest = math.max(longest, ttl)
        scores[#scores + 1] = string.format('%.0f', now + ttl)
        scores[#scores + 1] = member
      end
    end
    redis.call('PEXPIRE', x, string.format('%.0f', longest + 24 * HOUR), 'GT')
    if #scores > 0 then redis.call('ZADD', x, unpack(scores)) end
    left = left - #found / 2
    if left <= 0 then
      rest = k
      break
    end
  end
end
return {rest, claimed}
