import express, { type Request, type Response } from 'express'
import Koa from 'koa'
import { compat } from 'sojourn/express-compat'
import { koaSession } from 'sojourn/koa-session'
import { expect, it } from 'vitest'
import { THEIRS } from '../support/planted.ts'
import { listen } from './support/listen.ts'
import {
  type Call,
  type Mount,
  openShared,
  privateNameCases,
  type Values,
} from './support/private-names.ts'

const onCompat: Mount = (sessions, handle) => {
  const app = express()
  app.use(compat({ sessions, resave: false, saveUninitialized: false }))
  app.use(async ({ path, session, sessionStore, sessionID: id }: Request, res: Response) => {
    const store = sessionStore as unknown as Call['store']
    const values = session as unknown as Values
    res.json(await handle({ path, session: values, id, ...(store && { store }) }))
  })
  return listen(app)
}

const onKoaSession: Mount = (sessions, handle) => {
  const app = new Koa()
  app.keys = ['a key of the application, long enough']
  app.silent = true
  app.use(koaSession({ sessions }, app))
  app.use(async (ctx) => {
    const session = ctx.session as unknown as Values & { externalKey: string }
    const replace = (values: Values): void => void (ctx.session = values as never)
    const { path } = ctx
    ctx.body = await handle({ path, session, replace, id: session.externalKey })
  })
  return listen(app.callback())
}

privateNameCases('express-compat', onCompat)
privateNameCases('koa-session', onKoaSession)

it('req.sessionStore does not show it, keeps it, and stores nothing where it is set', async () => {
  const { ask, record } = await openShared(onCompat)
  const all = JSON.stringify([await ask('/all'), await ask('/get')])
  expect(all).toContain('"n":1')
  expect(all).not.toContain('django')
  expect(await ask('/put')).toBe('AttributeError')
  expect(await record()).toMatchObject({ n: 60, [THEIRS]: 'hash' })
})
