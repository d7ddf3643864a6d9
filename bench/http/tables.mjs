import { figure, range } from '../support/markdown.mjs'

/** Of the report; a table of another would be wrong or have holes. */
export const FORMAT = 2

const titles = {
  read: 'Read: two attributes',
  write: 'Write: one attribute plus one',
  mixed: 'Mixed: 90 % read, 10 % write',
  anonymous: 'Anonymous: no cookie',
  read4k: 'Read of a session with 4 KiB of JSON',
}

/** @param report what `npm run bench -- --json FILE` writes */
export function tables({ rows, scenarios, setting }) {
  const perScenario = scenarios.map((scenario) => ({
    title: titles[scenario],
    head: [
      'server',
      'CPU µs a request',
      'over the framework',
      'requests/s',
      'p50 ms',
      'p99 ms',
      'Redis commands',
      'Redis CPU µs',
    ],
    rows: rows.map(({ name, figures }) => {
      const of = figures[scenario]
      return [
        name,
        range(of.cpu, 1),
        range(of.overhead, 1),
        figure(of.perSecond.median),
        figure(of.p50.median, 2),
        figure(of.p99.median, 2),
        figure(of.commands?.all, 2),
        range(of.redisCpu, 1),
      ]
    }),
  }))
  const nameOf = (floor) => rows.find(({ id }) => id === floor)?.name
  const express = {
    title: 'Express: over the framework with objects in the same mode, CPU µs a request',
    head: ['server', 'over', ...scenarios],
    rows: rows
      .filter(({ framework, floor }) => framework === 'express' && nameOf(floor) !== undefined)
      .map(({ name, floor, figures }) => [
        name,
        nameOf(floor),
        ...scenarios.map((scenario) => range(figures[scenario].overFloor, 1)),
      ]),
  }
  const memory = {
    title: 'Bytes a session in Redis',
    head: ['server', '`MEMORY USAGE` of the key'],
    rows: rows
      .filter(({ bytes }) => bytes !== undefined)
      .map(({ name, bytes }) => [name, figure(bytes)]),
    note: setting,
  }
  return [...perScenario, ...(express.rows.length > 0 ? [express] : []), memory]
}
