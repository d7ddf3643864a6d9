import { figure } from '../support/markdown.mjs'

const MODES = `Express changes the prototype of each request and response, and V8 before 13 then makes a
hidden class for every property that is added to them. Bare Express and express-session pay for that; Sojourn's
adapter puts both objects into dictionary mode (\`src/frameworks/node/dictionary.ts\`), which may save more than the
session costs. Over bare Express is what an application pays; over Express with objects in the same mode, which is the row
"objects in dictionary mode" for Sojourn and bare Express for express-session, is what the session costs.`

/** @returns what the figures of a report say, as Markdown, as far as they were measured */
export function inShort({ rows, scenarios }) {
  const median = (id, scenario, key = 'overhead') =>
    rows.find((row) => row.id === id)?.figures[scenario]?.[key]?.median
  /** @param costs pairs of `[id, name]`, left out where not measured */
  const list = (scenario, costs, key) =>
    costs
      .filter(([id]) => median(id, scenario, key) !== undefined)
      .map(([id, name]) => `${name} ${figure(median(id, scenario, key), 1)} µs`)
      .join(', ')
  const point = (title, parts) => {
    const known = parts.filter((part) => part !== '')
    return known.length === 0 ? [] : [`- **${title}**: ${known.join('; ')}.`]
  }

  const plain = (scenario) =>
    point(scenario, [
      list(scenario, [
        ['sojourn-node', 'Sojourn on node:http'],
        ['sojourn-fastify', 'Sojourn on Fastify'],
      ]),
      list(scenario, [
        ['sojourn-node-far', 'without the near cache on node:http'],
        ['sojourn-fastify-far', 'on Fastify'],
      ]),
      list(scenario, [
        ['fastify-session', '@fastify/session'],
        ['koa-session', 'koa-session'],
      ]),
    ])
  const pair = [
    ['sojourn-express', 'Sojourn'],
    ['express-session', 'express-session'],
  ]
  const express = (scenario) => {
    const [own, peer] = pair.map(([id]) => median(id, scenario, 'overFloor'))
    const inMode = list(scenario, pair, 'overFloor')
    const isOver = own > 0 && peer > 0
    return point(`${scenario}, Express`, [
      list(scenario, pair),
      inMode && `over Express with objects in the same mode ${inMode}`,
      isOver ? `there express-session costs ${figure(peer / own, 1)} times as much` : '',
    ])
  }
  const told = ['read', 'write'].filter((scenario) => scenarios.includes(scenario))
  const lines = ['In short, server CPU a request over the bare framework, medians:', '']
  lines.push(...told.flatMap(plain), ...told.flatMap(express))
  if (told.some((scenario) => express(scenario).length > 0)) lines.push('', MODES)
  return lines.join('\n')
}
