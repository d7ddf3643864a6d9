import type { Row } from '../side-by-side.ts'
import type { Handler } from '../versions.ts'

export const count: Handler = (req, res) => {
  req.session['n'] = (req.session['n'] ?? 0) + 1
  res.json({ n: req.session['n'], id: req.sessionID, same: req.session.id === req.sessionID })
}
export const look: Handler = (req, res) => {
  res.json({ session: req.session, id: req.sessionID })
}
const silent: Handler = (_, res) => void res.send('nothing looked at')
const touchNothing: Handler = (req, res) => void res.send(typeof req.session)
const HOUR = 3_600_000

/** When a session is stored, and when its cookie is set. */
export const storing: Readonly<Record<string, Row>> = {
  'saveUninitialized false: nothing is stored that holds nothing': {
    handlers: { '/': look, '/silent': silent, '/touch': touchNothing },
    visit: async (client) => {
      for (const path of ['/', '/silent', '/touch', '/']) await client.get(path)
    },
  },
  'saveUninitialized false: the first change stores it': {
    handlers: { '/': look, '/count': count },
    visit: async (client) => {
      for (const path of ['/', '/count', '/', '/count', '/']) await client.get(path)
    },
  },
  'saveUninitialized true: the first request stores it': {
    options: { saveUninitialized: true },
    handlers: { '/': look, '/silent': silent, '/count': count },
    visit: async (client) => {
      for (const path of ['/silent', '/silent', '/', '/count', '/']) await client.get(path)
    },
  },
  'saveUninitialized true, looked at first': {
    options: { saveUninitialized: true },
    handlers: { '/': look },
    visit: async (client) => {
      for (const path of ['/', '/']) await client.get(path)
    },
  },
  'options left out: both true': {
    options: { resave: undefined, saveUninitialized: undefined },
    handlers: { '/': look, '/count': count },
    visit: async (client) => {
      for (const path of ['/', '/', '/count', '/']) await client.get(path)
    },
  },
  'resave true: an unmodified session lives on': {
    options: { resave: true, cookie: { maxAge: 1000 } },
    handlers: { '/': look, '/count': count },
    visit: async (client) => {
      await client.get('/count')
      for (let i = 0; i < 4; i++) {
        client.advance(700)
        // With the cookie of before, which the browser would have dropped.
        await client.get('/', { cookie: client.cookie })
      }
      client.advance(1001)
      await client.get('/', { cookie: client.cookie })
    },
  },
  'set and taken back: not modified': {
    handlers: {
      '/': (req, res) => {
        req.session['n'] = 1
        delete req.session['n']
        res.json(req.session)
      },
    },
    visit: async (client) => {
      await client.get('/')
    },
  },
  'changed in place, and a property deleted': {
    handlers: {
      '/set': (req, res) => {
        Object.assign(req.session, { cart: { items: ['a'] }, theme: 'dark' })
        res.end()
      },
      '/change': (req, res) => {
        req.session['cart'].items.push('b')
        delete req.session['theme']
        res.end()
      },
      '/': look,
    },
    visit: async (client) => {
      for (const path of ['/set', '/', '/change', '/', '/']) await client.get(path)
    },
  },
  'a known session without maxAge sets no cookie again': {
    handlers: { '/': look, '/count': count },
    visit: async (client) => {
      for (const path of ['/count', '/count', '/', '/count']) await client.get(path)
    },
  },
  'maxAge: a modified session sets the cookie anew, one that is only read does not': {
    options: { cookie: { maxAge: HOUR } },
    handlers: { '/': look, '/count': count, '/silent': silent },
    visit: async (client) => {
      for (const path of ['/count', '/', '/silent', '/count', '/']) {
        await client.get(path)
        client.advance(60_000)
      }
    },
  },
  'maxAge: a session ends by the millisecond': {
    options: { cookie: { maxAge: 2000 } },
    handlers: { '/': look, '/count': count },
    visit: async (client) => {
      await client.get('/count')
      const { cookie } = client
      client.advance(1999)
      await client.get('/', { cookie })
      client.advance(1999)
      await client.get('/', { cookie })
      client.advance(2000)
      await client.get('/', { cookie })
      await client.get('/count', { cookie })
    },
  },
  'rolling: each response to a known session sets the cookie': {
    options: { rolling: true, cookie: { maxAge: HOUR } },
    handlers: { '/': look, '/count': count, '/silent': silent },
    visit: async (client) => {
      for (const path of ['/', '/silent', '/count', '/', '/silent', '/count']) {
        await client.get(path)
        client.advance(60_000)
      }
    },
  },
  'rolling without maxAge': {
    options: { rolling: true },
    handlers: { '/': look, '/count': count, '/silent': silent },
    visit: async (client) => {
      for (const path of ['/silent', '/count', '/', '/silent']) await client.get(path)
    },
  },
  'rolling and saveUninitialized': {
    options: { rolling: true, saveUninitialized: true },
    handlers: { '/': look, '/silent': silent },
    visit: async (client) => {
      for (const path of ['/silent', '/silent', '/']) await client.get(path)
    },
  },
  'rolling renews the session with the cookie': {
    options: { rolling: true, cookie: { maxAge: 1000 } },
    handlers: { '/': look, '/count': count, '/silent': silent },
    visit: async (client) => {
      await client.get('/count')
      for (let i = 0; i < 5; i++) {
        client.advance(50)
        await client.get('/silent')
      }
      client.advance(999)
      await client.get('/')
    },
  },
  'a cookie of nobody’s session: a new one with a new id': {
    options: { saveUninitialized: true },
    handlers: { '/': look },
    visit: async (client) => {
      for (const cookie of [
        'connect.sid=',
        'connect.sid=x',
        'connect.sid=s%3Aunknown.signature',
        'other=1',
      ]) {
        await client.get('/', { cookie })
      }
    },
  },
  'saveUninitialized false and an unknown cookie: nothing': {
    handlers: { '/': look },
    visit: async (client) => {
      await client.get('/', { cookie: 'connect.sid=s%3Aunknown.signature' })
    },
  },
  'among other cookies': {
    handlers: { '/': look, '/count': count },
    visit: async (client) => {
      await client.get('/count')
      const own = client.cookie
      await client.get('/', { cookie: `a=b; ${own}; c=d` })
      await client.get('/', { cookie: `xconnect.sid=1; ${own}` })
      await client.get('/', { cookie: `${own}; connect.sid=s%3Ax.y` })
    },
  },
  'mounted twice: the first one counts': {
    mountedTwice: { saveUninitialized: true, name: 'second' },
    handlers: { '/': look, '/count': count },
    visit: async (client) => {
      for (const path of ['/count', '/', '/count']) await client.get(path)
    },
  },
  'a handler that throws: what it has changed is stored': {
    handlers: {
      '/throw': (req) => {
        req.session['n'] = 1
        throw new RangeError('thrown')
      },
      '/': look,
    },
    visit: async (client) => {
      for (const path of ['/throw', '/']) await client.get(path)
    },
  },
  'a request that is not found': {
    options: { saveUninitialized: true },
    handlers: { '/': look },
    visit: async (client) => {
      const { status } = await client.get('/missing')
      if (status !== 404) throw new Error('found')
      await client.get('/')
    },
  },
}
