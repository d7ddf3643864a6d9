-- Looks at some keys of Sojourn and at what they say of each other, in one step.
--
-- KEYS     keys, as SCAN has found them
-- ARGV[1]  ms: what has ended may have been due for so long in the set of deadlines
-- ARGV[2]  kind tags, 4 bytes each, of which live sessions are counted in indexes; and so on
--
-- answer   {counts, problems}   counts: name, number, …; problems: texts

local ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
local FORWARD, MARKER = 128, 129

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local counts, problems = {}, {}
local function count(name, by) counts[name] = (counts[name] or 0) + (by or 1) end
local function problem(key, text) problems[#problems + 1] = key .. ': ' .. text end
local function most(name, value) counts[name] = math.max(counts[name] or 0, value) end

local function base64url(bytes)
  local text, bits, held = {}, 0, 0
  for i = 1, #bytes do
    held, bits = held * 256 + string.byte(bytes, i), bits + 8
    while bits >= 6 do
      bits = bits - 6
      local digit = math.floor(held / 2 ^ bits)
      held = held % 2 ^ bits
      text[#text + 1] = string.sub(ALPHABET, digit + 1, digit + 1)
    end
  end
  if bits > 0 then
    local digit = held * 2 ^ (6 - bits)
    text[#text + 1] = string.sub(ALPHABET, digit + 1, digit + 1)
  end
  return table.concat(text)
end

-- 'record', 'forward', 'marker', or nothing
local function standsAt(key)
  local head = redis.call('GETRANGE', key, 0, 51)
  if #head < 2 then return nil end
  local flags = string.byte(head, 2)
  if flags == FORWARD then return 'forward', head end
  if flags == MARKER then return 'marker', head end
  return 'record', head
end

local check = {}

function check.s(key, base)
  local what, head = standsAt(key)
  if not what then return problem(key, 'is no record') end
  count(what .. 's')
  if what ~= 'record' then return most('ttl of ' .. what .. 's', redis.call('PTTL', key)) end
  local id, owner = string.sub(key, -22), ''
  if math.floor(string.byte(head, 2) / 32) % 2 == 1 then
    owner = base64url(string.sub(head, 37, 52))
    if redis.call('HEXISTS', base .. 'p:' .. owner, id) == 0 then
      problem(key, 'is a session of ' .. owner .. ', and not in that index')
    end
  end
  if not redis.call('ZSCORE', base .. 'x', id .. owner) then
    problem(key, 'is a session whose end nobody waits for')
  end
end

function check.p(key, base)
  local all = redis.call('HGETALL', key)
  local owner = string.sub(key, -22)
  count('indexes')
  for i = 1, #all, 2 do
    if standsAt(base .. 's:' .. all[i]) == 'record' then
      count('live')
      local kind = string.sub(all[i + 1], 14, 17)
      for k = 2, #ARGV do
        if kind == ARGV[k] then count('kind ' .. k) end
      end
    elseif redis.call('HEXISTS', base .. 'd', all[i] .. owner) == 1 then
      problem(key, 'has an entry that was moved: ' .. all[i])
    elseif redis.call('ZSCORE', base .. 'x', all[i] .. owner) then
      count('untold entries')
    else
      problem(key, 'has an entry that leads to nothing: ' .. all[i])
    end
  end
end

function check.x(key, base)
  local all = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
  count('sets of deadlines')
  for i = 1, #all, 2 do
    local id, owner = string.sub(all[i], 1, 22), string.sub(all[i], 23)
    local what = standsAt(base .. 's:' .. id)
    if owner ~= '' and redis.call('HEXISTS', base .. 'p:' .. owner, id) == 0
      and (what == 'record' or redis.call('HEXISTS', base .. 'd', all[i]) == 0) then
      problem(key, 'waits for ' .. id .. ' of ' .. owner .. ', which is not in that index')
    end
    if what == 'record' then
      count('awaited')
    elseif what ~= nil then
      problem(key, 'waits for a ' .. what .. ': ' .. id)
    else
      count('untold')
      local overdue = now - tonumber(all[i + 1])
      most('ms overdue', overdue)
      if overdue > tonumber(ARGV[1]) then
        problem(key, 'holds ' .. id .. ', which was due ' .. math.floor(overdue) .. ' ms ago')
      end
    end
  end
end

-- Descriptors of those whose end is still to be told: by `x` they are overdue, and told.
function check.d(key, base)
  count('departed')
  for _, member in ipairs(redis.call('HKEYS', key)) do
    count('departed entries')
    if not redis.call('ZSCORE', base .. 'x', member) then
      problem(key, 'keeps what nobody waits for: ' .. member)
    elseif standsAt(base .. 's:' .. string.sub(member, 1, 22)) == 'record' then
      problem(key, 'keeps what is live: ' .. member)
    end
  end
end

for _, key in ipairs(KEYS) do
  local ttl = redis.call('PTTL', key)
  if ttl ~= -2 then
    count('keys')
    if ttl == -1 then problem(key, 'has no lifetime') end
    local base, kind = string.match(key, '^(sj:{...}:)(.)')
    local rest = base and string.sub(key, #base + 2)
    if kind == 's' or kind == 'p' then
      check[kind](key, base)
    elseif (kind == 'x' or kind == 'd') and rest == '' then
      check[kind](key, base)
    elseif kind == 'a' or kind == 'g' or kind == 'x' then
      count('others')
    else
      problem(key, 'is no key of ours')
    end
  end
end

local flat = {}
for name, value in pairs(counts) do
  flat[#flat + 1] = name
  flat[#flat + 1] = string.format('%.0f', value)
end
return {flat, problems}
