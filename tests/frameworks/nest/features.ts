import {
  type ArgumentsHost,
  Catch,
  Controller,
  Get,
  Injectable,
  Module,
  Post,
  type Type,
} from '@nestjs/common'
import { APP_GUARD } from '@nestjs/core'
import { createSessions, memoryEngine, type Sessions, StoreUnavailableError } from 'sojourn'
import {
  InjectSessions,
  type NestSession,
  Public,
  RequireLevel,
  RequireLogin,
  SESSIONS,
  Session,
  SessionGuard,
  SojournModule,
} from 'sojourn/nest'
import { type ManualClock, manualClock } from 'sojourn/testing'
import { afterEach, describe, expect, it } from 'vitest'
import type { Data } from '../support/adapter.ts'
import { Browser } from '../support/http-client.ts'
import { type WatchedEngine, watchedEngine } from '../support/watched-engine.ts'
import { SECRET } from '../support/world.ts'
import { type AppParts, controller, handler, type Platform, startNest } from './nest-app.ts'

type Loose = NestSession & Record<string, unknown>

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
})

interface Site {
  readonly browser: Browser
  readonly engine: WatchedEngine
  readonly sessions: Sessions<Data>
  readonly clock: ManualClock
}

async function site(platform: Platform, parts: AppParts): Promise<Site> {
  const clock = manualClock()
  const engine = watchedEngine(memoryEngine({ clock }))
  const sessions = createSessions<Data>({ engine, clock, secrets: [SECRET], maxBytes: 2_000 })
  const { imports = [], ...others } = parts
  const app = await startNest(platform, {
    ...others,
    imports: [SojournModule.forRoot({ sessions }), ...imports],
  })
  const browser = new Browser(app.port)
  closing.push(
    () => sessions.close(),
    () => app.close(),
    () => browser.close(),
  )
  return { browser, engine, sessions, clock }
}

const count = (session: Loose): { n: number } => {
  const n = ((session['n'] as number | undefined) ?? 0) + 1
  session['n'] = n
  return { n }
}
const session = Session()

/** Sign-in and what needs it. */
const account = (): Type =>
  controller({
    login: [[Post('/login')], [session], (given: Loose) => given.login('ada', { level: 1 })],
    stepUp: [[Post('/step-up')], [session], (given: Loose) => given.stepUp(2)],
    logout: [[Post('/logout')], [session], (given: Loose) => given.logout()],
    who: [[Get('/who')], [session], (given: Loose) => given.principal ?? 'nobody'],
    mine: [[Get('/mine'), RequireLogin()], [session], (given: Loose) => given.principal],
    money: [[Get('/money'), RequireLevel(2)], [], () => 'money'],
    recent: [[Get('/recent'), RequireLogin({ within: '5m' })], [], () => 'recent'],
    sure: [[Get('/sure'), RequireLogin({ fresh: true })], [], () => 'sure'],
  })

export function nestFeatures(platform: Platform): void {
  describe('@Session()', () => {
    it('is the session, whose changes are stored with what the handler returns', async () => {
      const { browser, sessions } = await site(platform, {
        controllers: [controller({ count: [[Get('/')], [session], count] })],
      })
      const first = await browser.get('/')
      expect(first).toMatchObject({ status: 200, text: '{"n":1}' })
      expect(first.cookies).toHaveLength(1)
      expect(await browser.get('/')).toMatchObject({ text: '{"n":2}', cookies: [] })
      expect((await sessions.open(browser.token)).toJSON()).toEqual({ n: 2 })
    })

    it('of a name is that attribute; its changes in place are stored', async () => {
      const list = (Session as (name: string) => ParameterDecorator)('list')
      const { browser } = await site(platform, {
        controllers: [
          controller({
            fill: [
              [Get('/fill')],
              [session],
              (given: Loose) => ({ list: (given['list'] = ['a']) }),
            ],
            add: [[Get('/add')], [list], (given: string[] | undefined) => [given?.push('b')]],
            show: [[Get('/show')], [list], (given: string[] | undefined) => given ?? []],
          }),
        ],
      })
      expect((await browser.get('/show')).text).toBe('[]')
      await browser.get('/fill')
      await browser.get('/add')
      expect((await browser.get('/show')).text).toBe('["a","b"]')
    })

    it('404 of Nest: nothing is stored, and no cookie set', async () => {
      const { browser, engine } = await site(platform, { controllers: [account()] })
      expect(await browser.get('/nowhere')).toMatchObject({ status: 404, cookies: [] })
      expect(engine.calls).toEqual([])
    })
  })

  describe('SessionGuard', () => {
    it('@RequireLogin(): 401 until someone is signed in, and after the logout', async () => {
      const { browser } = await site(platform, { controllers: [account()] })
      expect(await browser.get('/mine')).toMatchObject({ status: 401, cookies: [] })
      await browser.get('/login', { method: 'POST' })
      const { cookie } = browser
      expect(await browser.get('/mine')).toMatchObject({ status: 200, text: 'ada' })
      await browser.get('/logout', { method: 'POST' })
      expect((await browser.get('/mine', { cookie })).status).toBe(401)
      expect((await browser.get('/who')).text).toBe('nobody')
    })

    it('@RequireLevel(2): 403 until the step-up', async () => {
      const { browser } = await site(platform, { controllers: [account()] })
      expect((await browser.get('/money')).status).toBe(401)
      await browser.get('/login', { method: 'POST' })
      expect((await browser.get('/money')).status).toBe(403)
      await browser.get('/step-up', { method: 'POST' })
      expect(await browser.get('/money')).toMatchObject({ status: 200, text: 'money' })
    })

    it('within: 403 when the authentication is too old', async () => {
      const { browser, clock } = await site(platform, { controllers: [account()] })
      await browser.get('/login', { method: 'POST' })
      expect((await browser.get('/recent')).status).toBe(200)
      clock.advance(360_000)
      expect((await browser.get('/recent')).status).toBe(403)
      await browser.get('/step-up', { method: 'POST' })
      expect((await browser.get('/recent')).status).toBe(200)
    })

    it('fresh asks the store once more', async () => {
      const { browser, engine } = await site(platform, { controllers: [account()] })
      await browser.get('/login', { method: 'POST' })
      engine.calls.length = 0
      expect((await browser.get('/sure')).text).toBe('sure')
      expect(engine.calls).toEqual(['load', 'load'])
    })

    it('before all handlers, but those that are @Public()', async () => {
      const open = controller({ open: [[Get('/open'), Public()], [], () => 'open'] })
      class Area {}
      handler(Area as Type, 'all', [Get('/')], [], () => 'area')
      handler(Area as Type, 'public', [Get('/public'), Public()], [], () => 'public')
      RequireLogin()(Area)
      Controller('/area')(Area)
      const closed = controller({ closed: [[Get('/closed')], [], () => 'closed'] })
      const { browser } = await site(platform, {
        controllers: [open, closed, Area as Type],
        providers: [{ provide: APP_GUARD, useClass: SessionGuard }],
      })
      const statuses = await Promise.all(
        ['/open', '/closed', '/area', '/area/public'].map(
          async (path) => (await browser.get(path)).status,
        ),
      )
      expect(statuses).toEqual([200, 401, 401, 200])
    })

    it.each([
      [{ level: 1.5 }, 'level'],
      [{ within: 'soon' }, 'within'],
      [{ role: 'admin' }, 'role'],
    ])('%j is refused when the class is read', (requirement, option) => {
      expect(() => RequireLogin(requirement as never)).toThrow(expect.objectContaining({ option }))
    })
  })

  describe('errors', () => {
    it('a store that is away: 503 of the module’s filter, at the load and at the commit', async () => {
      const { browser, engine } = await site(platform, {
        controllers: [controller({ count: [[Get('/')], [session], count] })],
      })
      const answer = {
        status: 503,
        cookies: [],
        text: JSON.stringify({
          ...{ statusCode: 503, message: 'Service Unavailable' },
          code: 'ERR_SOJOURN_STORE_UNAVAILABLE',
        }),
      }
      engine.failure = new StoreUnavailableError('gone', false)
      expect(await browser.get('/')).toMatchObject(answer)
      engine.failure = undefined
      await browser.get('/')
      engine.failure = new StoreUnavailableError('gone', false)
      expect(await browser.get('/')).toMatchObject(answer)
    })

    it('what a handler has asked the store besides: 503 too, which says when to come again', async () => {
      const { browser, engine } = await site(platform, {
        controllers: [
          controller({
            all: [
              [Get('/')],
              [],
              () => {
                throw new StoreUnavailableError('gone', false)
              },
            ],
          }),
        ],
      })
      expect(await browser.get('/')).toMatchObject({
        status: 503,
        headers: { 'retry-after': '1' },
      })
      expect(engine.calls).toEqual([])
    })

    it('a session that is too large: 500, and nothing of the answer', async () => {
      const { browser } = await site(platform, {
        controllers: [
          controller({
            big: [[Get('/')], [session], (given: Loose) => (given['name'] = 'x'.repeat(5_000))],
          }),
        ],
      })
      const { status, text } = await browser.get('/')
      expect({ status, ...(JSON.parse(text) as object) }).toEqual({
        ...{ status: 500, statusCode: 500, message: 'Internal Server Error' },
        code: 'ERR_SOJOURN_TOO_LARGE',
      })
    })

    it('a filter of the application comes before the module’s', async () => {
      class Filter {
        catch(error: Error, host: ArgumentsHost): void {
          const response = host.switchToHttp().getResponse<{
            status(code: number): { send(body: string): void }
          }>()
          response.status(503).send(`own: ${error.name}`)
        }
      }
      Catch(StoreUnavailableError)(Filter)
      const { browser, engine } = await site(platform, {
        controllers: [controller({ count: [[Get('/')], [session], count] })],
        filter: new Filter(),
      })
      engine.failure = new StoreUnavailableError('gone', false)
      expect(await browser.get('/')).toMatchObject({
        status: 503,
        text: 'own: StoreUnavailableError',
      })
    })
  })

  describe('SojournModule', () => {
    it('forRootAsync: options from another provider; the sessions are injected, and closed at the end', async () => {
      class Config {
        readonly secret = SECRET
      }
      class ConfigModule {}
      Module({ providers: [Config], exports: [Config] })(ConfigModule)
      class Devices {
        readonly sessions: Sessions
        constructor(sessions: Sessions) {
          this.sessions = sessions
        }
      }
      Injectable()(Devices)
      InjectSessions()(Devices, undefined as never, 0)
      let closed = 0
      const memory = memoryEngine()
      const engine = {
        ...watchedEngine(memory),
        close: async () => {
          closed++
          await memory.close()
        },
      }
      const app = await startNest(platform, {
        imports: [
          SojournModule.forRootAsync({
            imports: [ConfigModule],
            inject: [Config],
            useFactory: async (config: Config) => ({ engine, secrets: [config.secret] }),
          }),
        ],
        controllers: [account()],
        providers: [Devices],
      })
      const browser = new Browser(app.port)
      await browser.get('/login', { method: 'POST' })
      const { sessions } = app.nest.get(Devices)
      expect(sessions).toBe(app.nest.get(SESSIONS))
      expect(await sessions.of('ada').list()).toHaveLength(1)
      browser.close()
      await app.close()
      expect(closed).toBe(1)
    })

    it('sessions that were given are left open', async () => {
      const { sessions, browser } = await site(platform, { controllers: [account()] })
      await browser.get('/login', { method: 'POST' })
      await closing.splice(1, 1)[0]?.()
      expect(await sessions.of('ada').list()).toHaveLength(1)
    })

    it.each([
      [{ secrt: 'x' }, 'secrt'],
      [{ fresh: 'yes' }, 'fresh'],
      [{ sessions: undefined }, 'sessions'],
      [{ sessions: createSessions({ secrets: [SECRET] }), secrets: [SECRET] }, 'secrets'],
    ])('%j is refused', (options, option) => {
      expect(() => SojournModule.forRoot(options as never)).toThrow(
        expect.objectContaining({ code: 'ERR_SOJOURN_OPTION', option }),
      )
    })
  })
}
