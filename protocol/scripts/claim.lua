-- claim: sessions that have expired, under a lease: whoever is answered tells of them and then runs
-- `ack`. Without that they are answered again after the lease, each time after twice as long.
--
-- KEYS[1]  what waits for its end, `<prefix>:{<tag>}:x`; then the same of further partitions
-- ARGV[1]  how many are looked at, at most
-- ARGV[2]  ms of the first lease; no further one is longer than an hour
-- ARGV[3]  only those that have been due for more ms than this
-- ARGV[4]  also says where one will be due within so many ms
--
-- answer   {rest, {key, member, descriptor, leases, …}, {key, ms, …}, lag}   rest: there are more, call again from
--          this key (KEYS[1] is 1) on, or 0. Of each one the number of its key; id (22 characters) and owner
--          tag (22, or none); descriptor, from the index or from `<prefix>:{<tag>}:d`, '' for none; how often it
--          has been answered before. Then numbers of keys, and in how many ms the next one is due there. lag: for how
--          many ms the one of them that has waited longest has been due, of those not answered before; 0: none
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
local due = now - ARGV[3]
local soon = string.format('(%.0f', due + ARGV[4])
local left, rest = tonumber(ARGV[1]), 0
local claimed, n, coming, lag = {}, 0, {}, 0

-- What becomes of its score: nil, it waits no more.
local function look(k, base, member, score)
  local id, owner = string.sub(member, 1, 22), string.sub(member, 23)
  local ttl = redis.call('PTTL', base .. 's:' .. id)
  if ttl == -2 then
    local leases = math.floor(score % 1 * 64 + 0.5)
    local descriptor = owner ~= ''
      and (redis.call('HGET', base .. 'p:' .. owner, id) or redis.call('HGET', base .. 'd', member))
    claimed[n + 1], claimed[n + 2], claimed[n + 3], claimed[n + 4] = k, member, descriptor or '', leases
    n = n + 4
    if leases == 0 then lag = math.max(lag, now - score) end
    return now + math.min(ARGV[2] * 2 ^ leases, HOUR) + math.min(leases + 1, 63) / 64
  end
  -- A trail: it was ended.
  if string.find(redis.call('GETRANGE', base .. 's:' .. id, 0, 1), '^\1[\128-\255]') then return nil end
  -- In use; without a lifetime by somebody's PERSIST.
  return now + (ttl < 0 and HOUR or ttl)
end

for k, x in ipairs(KEYS) do
  local found = redis.call('ZRANGE', x, '-inf', soon, 'BYSCORE', 'LIMIT', 0, left + 1, 'WITHSCORES')
  local base, scores, ended, longest = string.sub(x, 1, -2), {}, {}, 0
  for i = 1, #found, 2 do
    local score = tonumber(found[i + 1])
    if score >= due then
      coming[#coming + 1], coming[#coming + 2] = k, math.floor(score - due) + 1
      break
    end
    if left == 0 then
      rest = k
      break
    end
    left = left - 1
    local later = look(k, base, found[i], score)
    if later then
      longest = math.max(longest, later - now)
      scores[#scores + 1], scores[#scores + 2] = string.format('%.6f', later), found[i]
    else
      ended[#ended + 1] = found[i]
    end
  end
  if #scores > 0 then
    local life = string.format('%.0f', longest + 24 * HOUR)
    redis.call('PEXPIRE', x, life, 'GT')
    -- pcall: on a Cluster, where the slot is being moved, a hash that is not there is an error.
    redis.pcall('PEXPIRE', base .. 'd', life, 'GT')
    redis.call('ZADD', x, unpack(scores))
  end
  if #ended > 0 then redis.call('ZREM', x, unpack(ended)) end
  if rest > 0 then break end
end
return {rest, claimed, coming, math.floor(lag)}
