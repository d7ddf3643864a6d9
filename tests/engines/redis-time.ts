import { createClient } from '@redis/client'
import type { RedisServer } from '../support/redis-server.ts'

/** Lets time pass on a server whose clock cannot be moved. */
export interface RedisTime {
  /**
   * Takes `ms` off the lifetime of every key under the prefix; those that reach 0 are deleted. Deadlines
   * of sessions whose expiry is told of move along, and so do times of permits.
   */
  pass(prefix: string, ms: number): Promise<void>
  close(): Promise<void>
}

/** One step for all keys: no call of the engine under test falls between two of them. */
const PASS = `
local cursor, keys = '0', {}
repeat
  local page = redis.call('SCAN', cursor, 'MATCH', ARGV[1], 'COUNT', 1000)
  cursor = page[1]
  for _, key in ipairs(page[2]) do keys[key] = redis.call('PTTL', key) end
until cursor == '0'
for key, ttl in pairs(keys) do
  if ttl == -1 then return redis.error_reply('ERR no lifetime: ' .. key) end
end
for key, ttl in pairs(keys) do
  if ttl > tonumber(ARGV[2]) then
    redis.call('PEXPIRE', key, ttl - ARGV[2])
    if string.sub(key, -3) == '}:x' then
      local waiting = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
      for i = 1, #waiting, 2 do redis.call('ZINCRBY', key, -ARGV[2], waiting[i]) end
    end
    if string.find(key, '}:n:', 1, true) then
      local times, moved = redis.call('GET', key), {}
      for i = 1, #times, 6 do
        moved[#moved + 1] = struct.pack('>I6', struct.unpack('>I6', times, i) - ARGV[2])
      end
      redis.call('SET', key, table.concat(moved), 'KEEPTTL')
    end
  else
    redis.call('DEL', key)
  end
end
`

/** On a connection of its own. A key that has no lifetime is a leak: `pass` rejects. */
export async function redisTime(server: RedisServer): Promise<RedisTime> {
  const client = createClient({
    ...server.admin,
    socket: { path: server.socketPath, tls: false },
  })
  client.on('error', () => undefined)
  await client.connect()
  return {
    pass: async (prefix, ms) => {
      await client.eval(PASS, { arguments: [`${prefix}:*`, String(ms)] })
    },
    close: () => client.close(),
  }
}
