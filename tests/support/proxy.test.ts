import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { startProxy } from './proxy.ts'
import { sleep, until } from './requests.ts'

it('no answer overtakes another, whatever is done to them one after the other', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'sj-proxy-'))
  const path = join(directory, 'server.sock')
  const accepted: Socket[] = []
  const server = createServer((socket) => accepted.push(socket)).listen(path)
  await once(server, 'listening')
  const proxy = await startProxy(path)
  const client = connect(Number(new URL(proxy.url).port), '127.0.0.1')
  try {
    let seen = ''
    client.on('data', (chunk) => {
      seen += String(chunk)
    })
    await until('it is connected', () => accepted.length === 1)
    const say = async (text: string): Promise<void> => {
      accepted[0]?.write(text)
      await sleep(10)
    }
    proxy.delay(100)
    await say('a')
    proxy.delay(0)
    proxy.hold()
    await say('b')
    await say('c')
    proxy.release()
    await say('d')
    await until('all have come', () => seen.length === 4)
    expect(seen).toBe('abcd')
  } finally {
    client.destroy()
    for (const socket of accepted) socket.destroy()
    server.close()
    await proxy.stop()
    rmSync(directory, { recursive: true, force: true })
  }
})
