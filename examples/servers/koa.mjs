// Koa: node koa.mjs, with REDIS_URL, SESSION_SECRET and PORT.
import Koa from 'koa'
import { createSessions } from 'sojourn'
import { koaSessions } from 'sojourn/koa'

const sessions = createSessions({
  redis: process.env.REDIS_URL,
  secrets: [process.env.SESSION_SECRET],
})

const app = new Koa()
app.proxy = true // behind a proxy that ends TLS
app.use(koaSessions(sessions))

app.use(async (ctx) => {
  const { session } = ctx
  switch (`${ctx.method} ${ctx.path}`) {
    case 'GET /me':
      ctx.body = { user: session.principal ?? null, views: session.views ?? 0 }
      break
    case 'POST /view':
      session.views = (session.views ?? 0) + 1
      ctx.body = { views: session.views }
      break
    case 'POST /login':
      // … check the password first
      await session.login('ada', { keep: ['views'] })
      ctx.status = 204
      break
    case 'POST /logout':
      await session.logout()
      ctx.status = 204
      break
  }
})

app.listen(process.env.PORT)
