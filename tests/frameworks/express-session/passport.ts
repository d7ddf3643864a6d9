import type { Express, RequestHandler } from 'express'
import { Passport } from 'passport'
import { Strategy } from 'passport-local'
import { expect, it } from 'vitest'
import type { Place } from './place.ts'
import { browse, openStore, type Route, type SiteRequest, sidOf, site } from './site.ts'

interface PassportRequest extends SiteRequest {
  readonly user?: { readonly id: string }
  logout(options: { keepSessionInfo?: boolean }, done: (error?: unknown) => void): void
}

function passport(): { readonly use: (app: Express) => void; readonly login: RequestHandler } {
  const instance = new Passport()
  instance.use(
    new Strategy({ usernameField: 'user', passwordField: 'password' }, (user, password, done) =>
      done(null, password === 'right' ? { id: user } : false),
    ),
  )
  instance.serializeUser((user, done) => done(null, (user as { id: string }).id))
  instance.deserializeUser((id: string, done) => done(null, { id }))
  return {
    use: (app) => app.use(instance.session() as RequestHandler),
    login: instance.authenticate('local', { keepSessionInfo: true }) as RequestHandler,
  }
}

/** Passport as it is: it regenerates the session at each sign-in and sign-out, and saves it. */
export function passportCases(express: () => Express, place: () => Place): void {
  it('Passport signs in and out over it, and what was in the session goes along', async () => {
    const open = (): ReturnType<typeof site> => {
      const { use, login } = passport()
      const routes: Record<string, Route> = {
        '/cart': (request, response) => {
          request.session.cart ??= []
          request.session.cart.push({ id: 'a', count: 1 })
          response.json(request.session.cart)
        },
        '/login': (request, response, next) =>
          login(request as never, response as never, (failed: unknown) => {
            if (failed) return next(failed)
            response.json((request as PassportRequest).user)
          }),
        '/me': (request, response) => {
          const { user } = request as PassportRequest
          response.json({ user, cart: request.session.cart })
        },
        '/logout': (request, response, next) =>
          (request as PassportRequest).logout({ keepSessionInfo: true }, (failed) =>
            failed ? next(failed as never) : response.send('bye'),
          ),
      }
      return site(express, openStore(place().options()).store, routes, { use })
    }
    const [one, two] = await Promise.all([open(), open()])
    const browser = browse(one)
    await browser.get('/cart')
    const anonymous = sidOf(browser)
    expect((await browser.get('/login?user=ada&password=wrong')).status).toBe(401)
    const login = await browser.get('/login?user=ada&password=right')
    expect([login.status, login.text]).toEqual([200, '{"id":"ada"}'])
    const signedIn = sidOf(browser)
    expect(signedIn).not.toBe(anonymous)
    expect(await place().fresh().get(anonymous)).toBeUndefined()
    const me = (await browse(two, browser).get('/me')).text
    expect(JSON.parse(me)).toEqual({ user: { id: 'ada' }, cart: [{ id: 'a', count: 1 }] })
    expect((await browser.get('/logout')).status).toBe(200)
    expect(await place().fresh().get(signedIn)).toBeUndefined()
    const after = (await browse(two, browser).get('/me')).text
    expect(JSON.parse(after)).toEqual({ cart: [{ id: 'a', count: 1 }] })
    expect([...one.errors, ...two.errors]).toEqual([])
  })
}
