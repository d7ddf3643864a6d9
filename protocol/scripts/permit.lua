-- permit: whether one more may be done, of at most so many within a window that slides along.
--
-- KEYS[1]  when the last ones were done: 6 bytes each, ms since the epoch, the oldest first
-- ARGV[1]  window, ms
-- ARGV[2]  how many
--
-- answer   {1}       done: yes, and it counts
--          {5, ms}   rejected: no, and nothing is written; so long after now there is room again
--
-- A string, because of the commands for it nothing else is needed that the other scripts do not use.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local times = redis.call('GET', KEYS[1]) or ''
local first = 1
while first < #times and struct.unpack('>I6', times, first) <= now - ARGV[1] do first = first + 6 end
local kept = string.sub(times, first)
if #kept >= 6 * ARGV[2] then
  -- The limit may have been higher before: then more than one has to go.
  local leaves = struct.unpack('>I6', kept, #kept - 6 * ARGV[2] + 1)
  return {5, leaves + ARGV[1] - now}
end
redis.call('SET', KEYS[1], kept .. struct.pack('>I6', now), 'PX', ARGV[1])
return {1}
