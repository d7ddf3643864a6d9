import { figure, range } from '../support/markdown.mjs'

/** Of the report; a table of another would be wrong or have holes. */
export const FORMAT = 2

/** Nobody has it under the desk: reckoned with what was fitted. */
const FLEET = { nodes: 100, writes: 10_000, holders: [0, 1, 3, 10, 99] }

/** @param report what `npm run bench:growth -- --json FILE` writes */
export function tables({ memory, fleet, cost, setting }) {
  return [
    {
      title: 'One node that has read so many sessions',
      head: ['sessions', 'in the near cache', 'heap MB', 'buffers MB', 'RSS MB'],
      rows: memory.map(({ sessions, nearCache, heapUsed, arrayBuffers, rss }) => [
        figure(sessions),
        figure(nearCache.entries),
        ...[heapUsed, arrayBuffers, rss].map((bytes) => figure(bytes / 1e6)),
      ]),
    },
    {
      title: 'Those of them that stay in the near cache, asked for in turn',
      head: ['sessions', 'asked for', 'hit ns', 'hits at once', 'hits by a promise', 'read again'],
      rows: memory.map(({ sessions, hits }) => [
        figure(sessions),
        figure(hits.sessions),
        range(hits.time),
        ...[hits.atOnce, hits.promised, hits.missed].map((part) => `${figure(part * 100, 1)} %`),
      ]),
    },
    {
      title: 'Writes where every node holds every session',
      head: [
        'nodes',
        'writes/s',
        'pushes/s',
        'pushes a write',
        'reads again a write',
        'KB/s from Redis',
        'Redis, % of a core',
      ],
      rows: fleet.map(({ nodes, writes, pushes, misses, bytesOut, redisCpu }) => [
        figure(nodes),
        figure(writes),
        figure(pushes),
        writes === 0 ? undefined : figure(pushes / writes, 2),
        writes === 0 ? undefined : figure(misses / writes, 2),
        figure(bytesOut / 1e3),
        figure(redisCpu * 100, 1),
      ]),
    },
    {
      title: 'Fitted to these points',
      head: ['for', "µs of the server's time", 'bytes that it sends'],
      rows: [
        ['each node and second: heartbeats', 'perNode'],
        ['each write', 'perWrite'],
        ['and each other node that holds the session: a push, and reading it again', 'perHolder'],
      ].map(([text, key]) => [text, figure(cost.cpu[key], 1), figure(cost.bytes[key])]),
    },
    {
      title: `On paper: ${FLEET.nodes} nodes, ${figure(FLEET.writes)} writes a second`,
      head: ['other nodes that hold a written session', 'pushes/s', 'MB/s', 'cores of Redis'],
      rows: FLEET.holders.map((holders) => {
        const total = ({ perNode, perWrite, perHolder }) =>
          FLEET.nodes * perNode + FLEET.writes * (perWrite + holders * perHolder)
        return [
          holders,
          figure(FLEET.writes * holders),
          figure(total(cost.bytes) / 1e6, 1),
          figure(total(cost.cpu) / 1e6, 2),
        ]
      }),
      note: setting,
    },
  ]
}
