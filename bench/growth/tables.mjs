import { figure, range } from '../support/markdown.mjs'

/** @param report what `npm run bench:growth -- --json FILE` writes */
export function tables({ memory, fleet, cost, setting }) {
  return [
    {
      title: 'One node that has read so many sessions',
      head: ['sessions', 'in the near cache', 'heap MB', 'buffers MB', 'RSS MB', 'hit ns'],
      rows: memory.map(({ sessions, nearCache, heapUsed, arrayBuffers, rss, hit }) => [
        figure(sessions),
        figure(nearCache.entries),
        ...[heapUsed, arrayBuffers, rss].map((bytes) => figure(bytes / 1e6)),
        range(hit),
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
      title: "The server's time, fitted to these points",
      head: ['for', 'µs'],
      rows: [
        ['each node and second: heartbeats', figure(cost.perNode)],
        ['each write', figure(cost.perWrite, 1)],
        [
          'and for each further node that holds the session: a push, and reading it again',
          figure(cost.perHolder, 1),
        ],
      ],
      note: setting,
    },
  ]
}
