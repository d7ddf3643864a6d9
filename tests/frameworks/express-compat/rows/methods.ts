import type { Row } from '../side-by-side.ts'
import type { Handler, SessionRequest } from '../versions.ts'
import { count, look } from './storing.ts'

const tell = (error: unknown): string | null => (error ? (error as Error).message : null)
const handlers = { '/': look, '/count': count }

const regenerate: Handler = (req, res) => {
  const before = req.session
  const { id } = before
  const returned = before.regenerate((error) => {
    res.json({
      error: tell(error),
      isNew: req.session !== before && req.session.id !== id && req.sessionID !== id,
      same: req.sessionID === req.session.id,
      former: before.id === id,
      keys: Object.keys(req.session),
    })
  })
  res.setHeader('X-Chained', String(returned === before))
}
const destroy: Handler = (req, res) => {
  const { session } = req
  const returned = session.destroy((error) => {
    res.json({ error: tell(error), session: typeof req.session, id: typeof req.sessionID })
  })
  res.setHeader('X-At-Once', typeof req.session)
  res.setHeader('X-Chained', String(returned === session))
}

const unset = (request: SessionRequest, how: 'delete' | 'null' | 'plain'): void => {
  const holder = request as { session?: unknown }
  if (how === 'null') holder.session = null
  else delete holder.session
  if (how === 'plain') holder.session = null
}

/** The methods of a session, and their callbacks. */
export const methods: Readonly<Record<string, Row>> = {
  'regenerate: a new id, nothing in it, stored all the same': {
    handlers: { ...handlers, '/regenerate': regenerate },
    visit: async (client) => {
      for (const path of ['/count', '/regenerate', '/', '/count', '/']) await client.get(path)
    },
  },
  'regenerate ends the session before': {
    handlers: { ...handlers, '/regenerate': regenerate },
    visit: async (client) => {
      await client.get('/count')
      const { cookie } = client
      await client.get('/regenerate')
      await client.get('/', { cookie })
      await client.get('/')
    },
  },
  'regenerate of a session that is not stored': {
    handlers: { ...handlers, '/regenerate': regenerate },
    visit: async (client) => {
      for (const path of ['/regenerate', '/', '/regenerate', '/']) await client.get(path)
    },
  },
  'regenerate, and what is set then': {
    options: { cookie: { maxAge: 60_000 } },
    handlers: {
      ...handlers,
      '/login': (req, res, next) => {
        const { n } = req.session
        req.session.regenerate((error) => {
          if (error) return next(error)
          req.session['user'] = 'ada'
          req.session['n'] = n
          res.redirect('/')
        })
      },
    },
    visit: async (client) => {
      for (const path of ['/count', '/login', '/', '/count']) await client.get(path)
    },
  },
  'regenerate twice': {
    handlers: {
      ...handlers,
      '/twice': (req, res) => {
        req.session.regenerate(() => {
          req.session['first'] = true
          req.session.regenerate(() => {
            req.session['second'] = true
            res.json(req.session)
          })
        })
      },
    },
    visit: async (client) => {
      for (const path of ['/count', '/twice', '/']) await client.get(path)
    },
  },
  'regenerate, and one session’s maxAge': {
    handlers: {
      ...handlers,
      '/login': (req, res) => {
        req.session.regenerate(() => {
          req.session.cookie.maxAge = 9000
          req.session['user'] = 'ada'
          res.end()
        })
      },
    },
    visit: async (client) => {
      for (const path of ['/count', '/login', '/', '/count']) {
        await client.get(path)
        client.advance(10)
      }
    },
  },
  'destroy: gone at once, no cookie, and a new session next time': {
    options: { saveUninitialized: true },
    handlers: { ...handlers, '/destroy': destroy },
    visit: async (client) => {
      for (const path of ['/count', '/destroy', '/', '/count', '/destroy']) await client.get(path)
    },
  },
  'destroy of a session that is not stored': {
    options: { saveUninitialized: true },
    handlers: { ...handlers, '/destroy': destroy },
    visit: async (client) => {
      for (const path of ['/destroy', '/']) await client.get(path)
    },
  },
  'destroy: the former cookie brings nothing back': {
    handlers: { ...handlers, '/destroy': destroy },
    visit: async (client) => {
      await client.get('/count')
      const { cookie } = client
      await client.get('/destroy')
      await client.get('/', { cookie })
      await client.get('/count', { cookie })
    },
  },
  'destroy, with rolling and maxAge': {
    options: { rolling: true, cookie: { maxAge: 60_000 } },
    handlers: { ...handlers, '/destroy': destroy },
    visit: async (client) => {
      for (const path of ['/count', '/destroy', '/']) await client.get(path)
    },
  },
  'destroy, and a new one by the store': {
    handlers: {
      ...handlers,
      '/anew': (req, res) => {
        const { sessionID } = req
        req.session.destroy((error) => {
          req.sessionStore.generate(req)
          req.session['fresh'] = true
          res.json({ error: tell(error), isNew: req.sessionID !== sessionID, s: req.session })
        })
      },
    },
    visit: async (client) => {
      for (const path of ['/count', '/anew', '/']) await client.get(path)
    },
  },
  'save: stored before the callback': {
    handlers: {
      ...handlers,
      '/save': (req, res) => {
        const { session } = req
        session['n'] = 10
        session.save((error) => {
          req.sessionStore.get(req.sessionID, (failure, stored) => {
            res.json({ error: tell(error), failure: tell(failure), n: stored?.['n'] })
          })
        })
      },
    },
    visit: async (client) => {
      for (const path of ['/save', '/', '/count', '/save', '/']) await client.get(path)
    },
  },
  'save, and changed again after it': {
    handlers: {
      ...handlers,
      '/save': (req, res) => {
        req.session['n'] = 10
        req.session.save(() => {
          req.session['n'] = 11
          req.session['list'] = ['a']
          res.json(req.session)
        })
      },
    },
    visit: async (client) => {
      for (const path of ['/save', '/', '/save', '/']) await client.get(path)
    },
  },
  'save without a change: stored, and no cookie': {
    handlers: {
      ...handlers,
      '/save': (req, res) => {
        req.session.save((error) => {
          req.sessionStore.get(req.sessionID, (_, stored) => {
            res.json({ error: tell(error), stored })
          })
        })
      },
    },
    visit: async (client) => {
      for (const path of ['/save', '/']) await client.get(path)
    },
  },
  'save, with maxAge: the cookie is set as of a modified session': {
    options: { cookie: { maxAge: 60_000 } },
    handlers: {
      ...handlers,
      '/save': (req, res) => {
        req.session['n'] = 10
        req.session.save(() => res.end())
      },
      '/untouched': (req, res) => {
        req.session.save(() => res.end())
      },
    },
    visit: async (client) => {
      for (const path of ['/count', '/save', '/untouched', '/']) {
        await client.get(path)
        client.advance(500)
      }
    },
  },
  'reload: what was not stored is gone': {
    handlers: {
      ...handlers,
      '/reload': (req, res) => {
        const before = req.session
        before['n'] = 99
        before['other'] = true
        before.reload((error) => {
          const { n, other } = req.session
          const isAnother = req.session !== before
          res.json({ error: tell(error), n, other, isAnother, same: before.id === req.session.id })
        })
      },
    },
    visit: async (client) => {
      for (const path of ['/count', '/reload', '/', '/count']) await client.get(path)
    },
  },
  'reload of a session that was never stored': {
    handlers: {
      ...handlers,
      '/reload': (req, res) => {
        req.session.reload((error) => res.json({ error: tell(error), has: 'session' in req }))
      },
    },
    visit: async (client) => {
      await client.get('/reload')
    },
  },
  'reload of a session that has ended meanwhile': {
    handlers: {
      ...handlers,
      '/reload': (req, res) => {
        req.sessionStore.destroy(req.sessionID, () => {
          req.session.reload((error) => res.json({ error: tell(error) }))
        })
      },
    },
    visit: async (client) => {
      for (const path of ['/count', '/reload']) await client.get(path)
    },
  },
  'reload, and changed after it': {
    handlers: {
      ...handlers,
      '/reload': (req, res) => {
        req.session['n'] = 99
        req.session.reload(() => {
          req.session['n'] += 1
          req.session['after'] = true
          res.json(req.session)
        })
      },
    },
    visit: async (client) => {
      for (const path of ['/count', '/reload', '/']) await client.get(path)
    },
  },
  'unset keep: changes are not stored, the session stays': {
    handlers: {
      ...handlers,
      '/null': (req, res) => {
        req.session['n'] = 99
        ;(req as { session: unknown }).session = null
        res.end()
      },
      '/delete': (req, res) => {
        req.session['n'] = 99
        delete (req as Partial<SessionRequest>).session
        res.end()
      },
      '/unseen': (req, res) => {
        delete (req as Partial<SessionRequest>).session
        res.end()
      },
    },
    visit: async (client) => {
      for (const path of ['/count', '/null', '/', '/delete', '/', '/unseen', '/']) {
        await client.get(path)
      }
    },
  },
  'unset keep, of a new session': {
    options: { saveUninitialized: true },
    handlers: {
      ...handlers,
      '/null': (req, res) => {
        ;(req as { session: unknown }).session = null
        res.end()
      },
    },
    visit: async (client) => {
      for (const path of ['/null', '/', '/null', '/']) await client.get(path)
    },
  },
  'unset destroy: the session ends with the response': {
    options: { unset: 'destroy' },
    handlers: {
      ...handlers,
      '/null': (req, res) => {
        ;(req as { session: unknown }).session = null
        res.end('gone')
      },
      '/delete': (req, res) => {
        delete (req as Partial<SessionRequest>).session
        res.end('gone')
      },
    },
    visit: async (client) => {
      for (const path of ['/count', '/null', '/', '/count', '/delete', '/']) await client.get(path)
    },
  },
  'unset destroy, with rolling': {
    options: { unset: 'destroy', rolling: true },
    handlers: {
      ...handlers,
      '/null': (req, res) => {
        ;(req as { session: unknown }).session = undefined
        res.end('gone')
      },
    },
    visit: async (client) => {
      for (const path of ['/count', '/null', '/']) await client.get(path)
    },
  },
  'unset, and set again': {
    options: { unset: 'destroy' },
    handlers: {
      ...handlers,
      '/again': (req, res) => {
        const { session } = req
        delete (req as Partial<SessionRequest>).session
        ;(req as { session: unknown }).session = session
        session['again'] = true
        res.end()
      },
    },
    visit: async (client) => {
      for (const path of ['/count', '/again', '/']) await client.get(path)
    },
  },
  'unset, what it reads as': {
    handlers: {
      ...handlers,
      '/look-back': (req, res) => {
        const holder = req as { session: unknown }
        const seen: unknown[] = []
        for (const value of [null, undefined]) {
          holder.session = value
          seen.push(holder.session === value)
        }
        delete (req as Partial<SessionRequest>).session
        seen.push('session' in req, typeof holder.session)
        res.json(seen)
      },
    },
    visit: async (client) => {
      for (const path of ['/look-back', '/count', '/look-back', '/']) await client.get(path)
    },
  },
  ...Object.fromEntries(
    (['delete', 'null', 'plain'] as const).map((how) => [
      `unset by ${how}, and made anew`,
      {
        handlers: {
          ...handlers,
          '/generate': (req, res) => {
            const { session } = req
            unset(req, how)
            req.sessionStore.generate(req)
            req.session['n'] = 10
            res.json({ same: req.session === session, n: req.session['n'] })
          },
          '/regenerate': (req, res) => {
            unset(req, how)
            req.sessionStore.regenerate(req, (error) => {
              req.session['n'] = 20
              res.json({ error: tell(error), n: req.session['n'] })
            })
          },
          '/reload': (req, res) => {
            const { session } = req
            unset(req, how)
            session.reload((error) => {
              res.json({ error: tell(error), n: req.session['n'] ?? null })
            })
          },
        },
        visit: async (client) => {
          const paths = ['/count', '/generate', '/count', '/regenerate', '/count', '/reload']
          for (const path of [...paths, '/count']) await client.get(path)
        },
      } satisfies Row,
    ]),
  ),
  'a session id that is no text: nothing is stored, no cookie': {
    options: { saveUninitialized: true },
    handlers: {
      ...handlers,
      '/bogus': (req, res) => {
        ;(req as { sessionID: unknown }).sessionID = () => 'bogus'
        req.session['n'] = 1
        res.end()
      },
    },
    visit: async (client) => {
      for (const path of ['/bogus', '/']) await client.get(path)
    },
  },
  'what cannot be changed': {
    handlers: {
      '/': (req, res) => {
        const { id } = req.session
        const failures = (['id', 'req'] as const).map((name) => {
          try {
            ;(req.session as Record<string, unknown>)[name] = 'x'
            return 'set'
          } catch (error) {
            return (error as Error).name
          }
        })
        res.json({ failures, same: req.session.id === id, req: req.session.req === req })
      },
    },
    visit: async (client) => {
      await client.get('/')
    },
  },
  'its own properties are the attributes and the cookie': {
    handlers: {
      '/set': (req, res) => {
        req.session['a'] = 1
        res.end()
      },
      '/': (req, res) => {
        const inherited: string[] = []
        for (const name in req.session) inherited.push(name)
        res.json({
          keys: Object.keys(req.session),
          inherited,
          entries: Object.entries(Object.assign({}, req.session)).length,
          has: ['a' in req.session, 'b' in req.session, Object.hasOwn(req.session, 'a')],
          methods: ['save', 'touch', 'reload', 'destroy', 'regenerate', 'resetMaxAge'].map(
            (name) => typeof req.session[name],
          ),
          text: JSON.stringify(req.session),
        })
      },
    },
    visit: async (client) => {
      for (const path of ['/', '/set', '/']) await client.get(path)
    },
  },
}
