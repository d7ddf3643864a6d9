import type { Row } from '../side-by-side.ts'
import type { Handler } from '../versions.ts'
import { count, look } from './storing.ts'

const tell = (error: unknown): string | null => (error ? (error as Error).message : null)
const handlers = { '/': look, '/count': count }

const getById: Handler = (req, res) => {
  req.sessionStore.get(req.query['id'] as string, (error, session) => {
    res.json({ error: tell(error), session: session ?? null })
  })
}

/** Asks by the id of its own session, as another request would. */
const byId =
  (path: string): Row['visit'] =>
  async (client) => {
    await client.get('/count')
    await client.get(path)
    client.advance(150)
    await client.get('/')
    await client.get(path)
  }

/** `req.sessionStore`. */
export const storeRows: Readonly<Record<string, Row>> = {
  'get: what is stored': {
    options: { cookie: { maxAge: 60_000, sameSite: 'lax' } },
    handlers: {
      ...handlers,
      '/get': (req, res) => {
        req.sessionStore.get(req.sessionID, (error, session) => {
          res.json({ error: tell(error), session })
        })
      },
    },
    visit: byId('/get'),
  },
  'get: nothing under an unknown id': {
    handlers: { '/': getById },
    visit: async (client) => {
      await client.get('/?id=unknown')
      await client.get('/?id=')
    },
  },
  'set: changes what is stored': {
    handlers: {
      ...handlers,
      '/set': (req, res) => {
        const { sessionStore, sessionID } = req
        sessionStore.get(sessionID, (_, session) => {
          Object.assign(session as object, { added: [1, 2], n: 50 })
          sessionStore.set(sessionID, session as object, (error) => {
            sessionStore.get(sessionID, (failure, stored) => {
              res.json({ error: tell(error), failure: tell(failure), stored })
            })
          })
        })
      },
    },
    visit: async (client) => {
      await client.get('/count')
      await client.get('/set')
    },
  },
  'set takes away what it does not name': {
    handlers: {
      ...handlers,
      '/set': (req, res) => {
        const { sessionStore, sessionID } = req
        const { cookie } = req.session
        sessionStore.set(sessionID, { cookie, only: true }, (error) => {
          sessionStore.get(sessionID, (_, stored) => res.json({ error: tell(error), stored }))
        })
      },
    },
    visit: async (client) => {
      await client.get('/count')
      await client.get('/set')
    },
  },
  'destroy ends it': {
    handlers: {
      ...handlers,
      '/destroy': (req, res) => {
        req.sessionStore.destroy(req.sessionID, (error) => {
          req.sessionStore.get(req.sessionID, (_, session) => {
            res.json({ error: tell(error), session: session ?? null })
          })
        })
      },
    },
    visit: async (client) => {
      await client.get('/count')
      const { cookie } = client
      await client.get('/destroy')
      await client.get('/', { cookie })
    },
  },
  'touch renews it': {
    options: { cookie: { maxAge: 1000 } },
    handlers: {
      ...handlers,
      '/touch': (req, res) => {
        req.session.touch()
        req.sessionStore.touch(req.sessionID, req.session, (error) => {
          req.sessionStore.get(req.sessionID, (_, session) => {
            res.json({ error: tell(error), expires: session?.cookie.expires })
          })
        })
      },
    },
    visit: async (client) => {
      await client.get('/count')
      const { cookie } = client
      for (let i = 0; i < 3; i++) {
        client.advance(600)
        await client.get('/touch', { cookie })
      }
    },
  },
  'load: a session object without a request': {
    handlers: {
      ...handlers,
      '/load': (req, res) => {
        req.sessionStore.load(req.sessionID, (error, session) => {
          const loaded = session as unknown as Record<string, unknown> | undefined
          res.json({
            error: tell(error),
            n: loaded?.['n'],
            id: session?.id === req.sessionID,
            text: JSON.stringify(session),
          })
        })
      },
      '/unknown': (req, res) => {
        req.sessionStore.load('unknown', (error, session) => {
          res.json({ error: tell(error), session: session ?? null })
        })
      },
    },
    visit: async (client) => {
      for (const path of ['/count', '/load', '/unknown']) await client.get(path)
    },
  },
  'load, change and save, and another request sees it': {
    handlers: {
      ...handlers,
      '/tell': (req, res) => {
        req.app.locals['told'] = req.sessionID
        res.end()
      },
      '/elsewhere': (req, res) => {
        req.sessionStore.load(String(req.app.locals['told']), (_, session) => {
          Object.assign(session as object, { n: 70, list: ['a'] })
          session?.save((error) => res.json({ error: tell(error) }))
        })
      },
      '/end': (req, res) => {
        req.sessionStore.load(String(req.app.locals['told']), (_, session) => {
          session?.destroy((error) => res.json({ error: tell(error) }))
        })
      },
    },
    visit: async (client) => {
      for (const path of ['/count', '/tell']) await client.get(path)
      await client.get('/elsewhere', { cookie: 'none=1' })
      for (const path of ['/', '/count']) await client.get(path)
      await client.get('/end', { cookie: 'none=1' })
      await client.get('/')
    },
  },
  'regenerate by the store': {
    handlers: {
      ...handlers,
      '/regenerate': (req, res) => {
        const { sessionID } = req
        req.sessionStore.regenerate(req, (error) => {
          res.json({ error: tell(error), isNew: req.sessionID !== sessionID, s: req.session })
        })
      },
    },
    visit: async (client) => {
      for (const path of ['/count', '/regenerate', '/']) await client.get(path)
    },
  },
  'createSession: the request’s session of data': {
    handlers: {
      ...handlers,
      '/create': (req, res) => {
        req.sessionStore.get(req.sessionID, (_, stored) => {
          const data = { ...(stored as object), made: true, cookie: stored?.cookie } as never
          const session = req.sessionStore.createSession(req, data)
          res.json({ same: session === (req.session as unknown), s: req.session })
        })
      },
    },
    visit: async (client) => {
      for (const path of ['/count', '/create', '/']) await client.get(path)
    },
  },
  'createSession of a request of a socket': {
    handlers: {
      ...handlers,
      '/create': (req, res) => {
        const { sessionStore, sessionID } = req
        const other = { sessionID, sessionStore } as { session?: { id: string } }
        sessionStore.get(sessionID, (_, stored) => {
          const session = sessionStore.createSession(other, stored as never)
          Object.assign(session, { n: 30 })
          session.save((error) => {
            const isIts = other.session === (session as object)
            res.json({ error: tell(error), isIts, id: session.id === sessionID })
          })
        })
      },
    },
    visit: async (client) => {
      await client.get('/count')
      await client.get('/create')
    },
  },
  'all, length and clear': {
    handlers: {
      ...handlers,
      '/all': (req, res) => {
        req.sessionStore.all((error, all) => {
          req.sessionStore.length((failure, length) => {
            const values = Object.values(all as object) as { n: number }[]
            const counts = values.map(({ n }) => n).toSorted((a, b) => a - b)
            const ids = Object.keys(all as object).filter((id) => id === req.sessionID)
            res.json({ error: tell(error), failure: tell(failure), length, counts, ids })
          })
        })
      },
      '/clear': (req, res) => {
        req.sessionStore.clear((error) => res.json({ error: tell(error) }))
      },
    },
    visit: async (client) => {
      await client.get('/all')
      await client.get('/count')
      await client.get('/count', { cookie: 'none=1' })
      for (const path of ['/count', '/all', '/clear', '/all', '/']) await client.get(path)
    },
  },
  'disconnect and connect: no session in between': {
    options: { saveUninitialized: true },
    handlers: {
      '/': (req, res) => {
        const had = typeof req.session
        req.sessionStore?.emit('disconnect')
        res.send(had)
      },
    },
    after: (app) => {
      app.get('/never', (_, res) => void res.end())
    },
    visit: async (client) => {
      for (const path of ['/', '/', '/']) await client.get(path)
    },
  },
  'it is an event emitter': {
    handlers: {
      '/': (req, res) => {
        const heard: unknown[] = []
        req.sessionStore.once('told', (value) => heard.push(value))
        req.sessionStore.emit('told', 1)
        res.json({ heard, on: typeof req.sessionStore.on })
      },
    },
    visit: async (client) => {
      await client.get('/')
    },
  },
}
