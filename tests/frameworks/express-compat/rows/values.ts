import type { Row } from '../side-by-side.ts'
import { look } from './storing.ts'

class Point {
  x = 1
  #secret = 2
  get sum(): number {
    return this.x + this.#secret
  }
}

/** What comes back of a value, at once and from the store. */
const values: Readonly<Record<string, () => unknown>> = {
  text: () => 'text',
  'text with half a pair': () => ['before', 'after'],
  zero: () => 0,
  'minus zero': () => -0,
  'not a number': () => Number.NaN,
  infinity: () => Number.POSITIVE_INFINITY,
  true: () => true,
  null: () => null,
  undefined: () => undefined,
  'a date': () => new Date(0),
  'a date inside': () => ({ at: [new Date(1)] }),
  'a function': () => () => 1,
  'a function inside': () => ({ f: () => 1, list: [() => 1, undefined] }),
  'a symbol': () => Symbol('s'),
  'toJSON at the top': () => ({ toJSON: (key: string) => `as ${key}` }),
  'toJSON inside': () => ({ inner: { toJSON: (key: string) => ({ key }) } }),
  'an instance': () => new Point(),
  'a map and a set': () => ({ map: new Map([[1, 2]]), set: new Set([1]) }),
  bytes: () => Buffer.from('ab'),
  'a regular expression': () => /a/g,
  'an error': () => new Error('e'),
  'boxed values': () => [Object(1), Object('s'), Object(true)],
  'an object without a prototype': () => Object.assign(Object.create(null), { a: 1 }),
  'a property __proto__': () => JSON.parse('{"__proto__": {"polluted": true}, "a": 1}'),
  'deep objects': () => ({ a: { b: { c: { d: [{ e: null }] } } } }),
  'a sparse list': () => Object.assign([], { 2: 'c' }),
  'a url': () => new URL('http://localhost/a'),
}

export const valueRows: Readonly<Record<string, Row>> = Object.fromEntries(
  Object.entries(values).map(([name, make]): [string, Row] => [
    `a value: ${name}`,
    {
      handlers: {
        '/set': (req, res) => {
          req.session['kept'] = true
          req.session['value'] = make()
          res.json(req.session)
        },
        '/': look,
        '/again': (req, res) => {
          req.session['value'] = make()
          res.json(req.session)
        },
      },
      visit: async (client) => {
        for (const path of ['/set', '/', '/again', '/']) await client.get(path)
      },
    },
  ]),
)
