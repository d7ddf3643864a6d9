import { figure, range } from '../support/markdown.mjs'

export const FORMAT = 1

const TITLES = {
  read: 'Read: one attribute, a text',
  cart: 'Read: one attribute, a list of objects',
  write: 'Write: one attribute plus one',
  anonymous: 'Without a cookie, one attribute asked for',
}

/** @param report what `npm run bench:django -- --json FILE` writes */
export function tables({ results, setting }) {
  const scenarios = Object.entries(TITLES).map(([scenario, title]) => ({
    title: `Django, ${title.toLowerCase()}`,
    head: [
      'sessions by',
      'CPU µs a request',
      'over Django alone',
      'time µs a request',
      'over Django alone',
      'Redis commands',
    ],
    rows: results.map(({ system, name, figures }) => {
      const { cpu, overCpu, wall, overWall, commands } = figures[scenario]
      const isBare = system === 'bare'
      return [
        name,
        range(cpu, 0),
        isBare ? undefined : range(overCpu, 0),
        figure(wall.median),
        isBare ? undefined : figure(overWall.median),
        isBare ? undefined : figure(commands, 2),
      ]
    }),
  }))
  const bytes = {
    title: 'Django, bytes a session in Redis (`MEMORY USAGE`)',
    head: ['sessions by', 'bytes'],
    rows: results
      .filter((row) => row.bytes !== undefined && row.system !== 'sojourn-anew')
      .map((row) => [row.name, figure(row.bytes)]),
    note: setting,
  }
  return [...scenarios, bytes]
}
