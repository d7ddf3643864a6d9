import type { Row } from '../side-by-side.ts'
import type { Handler } from '../versions.ts'
import { count, look } from './storing.ts'

const HOUR = 3_600_000
const handlers = { '/': look, '/count': count }
const countTwice: Row['visit'] = async (client) => {
  for (const path of ['/count', '/', '/count']) await client.get(path)
}
const cookieRow = (cookie: unknown, options: object = {}): Row => ({
  options: { ...options, cookie },
  handlers,
  visit: countTwice,
})
/** As behind a proxy that has ended TLS. */
const SECURE = { headers: { 'x-forwarded-proto': 'https' } }
const connections: Row['visit'] = async (client) => {
  await client.get('/count')
  await client.get('/count', SECURE)
  for (const proto of ['http', 'https, http', 'http,https', ' HTTPS ', '']) {
    client.jar.clear()
    const ask = { headers: { 'x-forwarded-proto': proto } }
    await client.get('/count', ask)
    await client.get('/count', ask)
  }
}
const trust: Row['before'] = (app) => void app.set('trust proxy', true)
const encrypted: Row['before'] = (app) =>
  void app.use((req, _, next) => {
    Object.assign(req.socket, { encrypted: true })
    next()
  })

const change =
  (make: (cookie: Record<string, unknown>) => unknown, modify = true): Handler =>
  (req, res) => {
    make(req.session.cookie as unknown as Record<string, unknown>)
    if (modify) req.session['n'] = (req.session['n'] ?? 0) + 1
    res.json(req.session.cookie)
  }
/** One session's cookie is changed by `/change`, with something else; or alone. */
const changeRow = (
  make: (cookie: Record<string, unknown>) => unknown,
  options: object = {},
): Row => ({
  options,
  handlers: { ...handlers, '/change': change(make), '/alone': change(make, false) },
  visit: async (client) => {
    for (const path of ['/count', '/change', '/', '/count', '/alone', '/']) {
      await client.get(path)
      client.advance(100)
    }
    client.jar.clear()
    for (const path of ['/change', '/', '/count']) await client.get(path)
  },
})

/** What the cookie looks like, and on which requests it is set. */
export const cookies: Readonly<Record<string, Row>> = {
  'the default': cookieRow(undefined),
  'an empty object': cookieRow({}),
  name: cookieRow({}, { name: 'sid' }),
  'name, as it was called before': cookieRow({}, { key: 'old.name' }),
  'maxAge one hour': cookieRow({ maxAge: HOUR }),
  'maxAge null': cookieRow({ maxAge: null }),
  expires: cookieRow({ expires: new Date(Date.UTC(2030, 5, 1)) }),
  'maxAge after expires': cookieRow({ expires: new Date(Date.UTC(2030, 5, 1)), maxAge: HOUR }),
  'expires after maxAge': cookieRow({ maxAge: HOUR, expires: new Date(Date.UTC(2030, 5, 1)) }),
  'httpOnly false': cookieRow({ httpOnly: false }),
  domain: cookieRow({ domain: '.example.com' }),
  'sameSite true': cookieRow({ sameSite: true }),
  'sameSite false': cookieRow({ sameSite: false }),
  'sameSite lax': cookieRow({ sameSite: 'lax' }),
  'sameSite strict': cookieRow({ sameSite: 'strict' }),
  'sameSite none': cookieRow({ sameSite: 'none' }),
  'sameSite in capitals': cookieRow({ sameSite: 'Lax' }),
  partitioned: cookieRow({ partitioned: true }),
  'priority low': cookieRow({ priority: 'low' }),
  'priority high': cookieRow({ priority: 'high' }),
  'all of it': {
    options: {
      cookie: {
        ...{ maxAge: HOUR, httpOnly: true, domain: 'example.com', sameSite: 'strict' },
        ...{ partitioned: true, priority: 'medium', path: '/' },
      },
    },
    handlers,
    visit: countTwice,
  },
  'path: other paths have no session': {
    options: { cookie: { path: '/shop' }, saveUninitialized: true },
    handlers: {
      '/shop/count': count,
      '/other': (req, res) => void res.json({ has: req.session !== undefined, id: req.sessionID }),
      '/shopping': look,
      '/shop': look,
    },
    visit: async (client) => {
      for (const path of ['/other', '/shop/count', '/shop?a=/b', '/shopping', '/SHOP', '/other']) {
        await client.get(path)
      }
    },
  },
  'secure, without TLS: no cookie': {
    options: { cookie: { secure: true }, saveUninitialized: true },
    handlers,
    visit: connections,
  },
  'secure, with TLS': {
    options: { cookie: { secure: true } },
    before: encrypted,
    handlers,
    visit: countTwice,
  },
  'secure, proxy true': {
    options: { cookie: { secure: true }, proxy: true },
    handlers,
    visit: connections,
  },
  'secure, proxy false, Express trusts': {
    options: { cookie: { secure: true }, proxy: false },
    before: trust,
    handlers,
    visit: connections,
  },
  'secure, proxy left out, Express trusts': {
    options: { cookie: { secure: true } },
    before: trust,
    handlers,
    visit: connections,
  },
  'secure, proxy left out, Express does not': {
    options: { cookie: { secure: true } },
    handlers,
    visit: connections,
  },
  'secure auto': {
    options: { cookie: { secure: 'auto' }, proxy: true },
    handlers,
    visit: connections,
  },
  'secure auto with TLS': {
    options: { cookie: { secure: 'auto' } },
    before: encrypted,
    handlers,
    visit: countTwice,
  },
  'sameSite auto': {
    options: { cookie: { sameSite: 'auto', maxAge: HOUR }, proxy: true },
    handlers,
    visit: connections,
  },
  'a function of the request': {
    options: {
      cookie: (req: { url: string; secure: boolean }) => ({
        path: req.url.startsWith('/admin') ? '/admin' : '/',
        maxAge: req.url.startsWith('/admin') ? 1000 : HOUR,
        secure: req.secure || false,
      }),
    },
    handlers: { ...handlers, '/admin/count': count, '/admin': look },
    visit: async (client) => {
      for (const path of ['/count', '/', '/count']) await client.get(path)
      client.jar.clear()
      for (const path of ['/admin/count', '/admin', '/admin/count', '/count'])
        await client.get(path)
    },
  },
  'a function that throws': {
    options: {
      cookie: () => {
        throw new RangeError('no cookie')
      },
    },
    handlers,
    visit: async (client) => {
      await client.get('/')
    },
  },
  'one session’s maxAge': changeRow((cookie) => {
    cookie['maxAge'] = 5000
  }),
  'one session’s maxAge, with another for all': changeRow(
    (cookie) => {
      cookie['maxAge'] = 5000
    },
    { cookie: { maxAge: HOUR } },
  ),
  'one session’s expires': changeRow((cookie) => {
    cookie['expires'] = new Date(Date.now() + 9000)
  }),
  'one session’s expires to null': changeRow(
    (cookie) => {
      cookie['expires'] = null
    },
    { cookie: { maxAge: HOUR } },
  ),
  'one session’s expires to false': changeRow(
    (cookie) => {
      cookie['expires'] = false
    },
    { cookie: { maxAge: HOUR } },
  ),
  'one session’s originalMaxAge': changeRow(
    (cookie) => {
      cookie['originalMaxAge'] = 7000
    },
    { cookie: { maxAge: HOUR } },
  ),
  'one session’s other attributes': changeRow(
    (cookie) => Object.assign(cookie, { httpOnly: false, sameSite: 'strict', path: '/x' }),
    { cookie: { maxAge: HOUR } },
  ),
  'one session’s maxAge is shorter: it ends then': {
    options: { cookie: { maxAge: HOUR } },
    handlers: {
      ...handlers,
      '/short': change((cookie) => {
        cookie['maxAge'] = 1000
      }),
    },
    visit: async (client) => {
      await client.get('/count')
      await client.get('/short')
      const { cookie } = client
      client.advance(900)
      await client.get('/', { cookie })
      client.advance(900)
      await client.get('/', { cookie })
      client.advance(1100)
      await client.get('/', { cookie })
    },
  },
  'one session’s maxAge is over: it ends with the response': {
    options: { cookie: { maxAge: HOUR } },
    handlers: {
      ...handlers,
      '/over': change((cookie) => {
        cookie['maxAge'] = 0
      }),
      '/past': change((cookie) => {
        cookie['expires'] = new Date(0)
      }),
    },
    visit: async (client) => {
      for (const path of ['/over', '/past']) {
        await client.get('/count')
        const { cookie } = client
        await client.get(path)
        client.advance(1)
        await client.get('/', { cookie })
        client.jar.clear()
      }
    },
  },
  'what is left of it, as time passes': {
    options: { cookie: { maxAge: 60_000 } },
    handlers: {
      '/count': count,
      '/left': (req, res) => {
        const { maxAge, originalMaxAge, expires } = req.session.cookie
        res.json({ maxAge, originalMaxAge, expires })
      },
      '/touch': (req, res) => {
        const chained = req.session.touch() === req.session
        const { maxAge } = req.session.cookie
        const again = req.session.resetMaxAge() === req.session
        res.json({ maxAge, chained, again })
      },
    },
    visit: async (client) => {
      await client.get('/count')
      for (const path of ['/left', '/left', '/touch', '/left']) {
        client.advance(30_000)
        await client.get(path)
      }
    },
  },
  'its members': {
    options: { cookie: { maxAge: 60_000, sameSite: 'lax', domain: 'example.com' } },
    handlers: {
      '/': (req, res) => {
        const { cookie } = req.session
        const { data } = cookie
        res.json({
          keys: Object.keys(cookie),
          data,
          dataKeys: Object.keys(data),
          json: JSON.stringify(cookie),
          text: cookie.serialize('name', 'a value; ü'),
        })
      },
    },
    visit: async (client) => {
      await client.get('/')
    },
  },
  'what it does not take': {
    handlers: {
      '/': (req, res) => {
        const failures = ['soon', {}, true].map((value) => {
          try {
            req.session.cookie.maxAge = value as never
            return 'taken'
          } catch (error) {
            return String(error)
          }
        })
        res.json(failures)
      },
    },
    visit: async (client) => {
      await client.get('/')
    },
  },
  'set as another cookie is too': {
    handlers: {
      '/before': (req, res) => {
        res.setHeader('Set-Cookie', 'a=1')
        res.cookie('b', '2')
        req.session['n'] = 1
        res.end()
      },
      '/list': (req, res) => {
        res.setHeader('Set-Cookie', ['a=1', 'b=2'])
        req.session['n'] = 2
        res.end()
      },
    },
    visit: async (client) => {
      await client.get('/before')
      client.jar.clear()
      await client.get('/list')
    },
  },
}
