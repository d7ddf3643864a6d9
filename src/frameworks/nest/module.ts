import {
  type DynamicModule,
  type FactoryProvider,
  Inject,
  Module,
  type ModuleMetadata,
  type NestModule,
  type OnApplicationShutdown,
  type Provider,
} from '@nestjs/common'
import { APP_FILTER, HttpAdapterHost } from '@nestjs/core'
import { type CreateSessionsOptions, createSessions, type Sessions } from '../../index.ts'
import { checkOptions, checkValues } from '../node/mount.ts'
import { SojournExceptionFilter } from './exception-filter.ts'
import { type MountedOptions, mountSessions } from './mount-sessions.ts'
import { SESSIONS } from './sessions-token.ts'

/** What `createSessions` takes, or sessions that are made already; and what the adapters take. */
export type SojournModuleOptions<Data extends object = Record<string, unknown>> = MountedOptions &
  (
    | (CreateSessionsOptions<Data> & { readonly sessions?: never })
    /** Yours to close. */
    | { readonly sessions: Sessions<Data> }
  )

/** The parameters of `useFactory` are what `inject` names. */
export interface SojournModuleAsyncOptions<
  Data extends object = Record<string, unknown>,
  Args extends unknown[] = never[],
> extends Pick<ModuleMetadata, 'imports'> {
  readonly useFactory: (
    ...args: Args
  ) => SojournModuleOptions<Data> | Promise<SojournModuleOptions<Data>>
  readonly inject?: FactoryProvider['inject']
}

const OPENED: unique symbol = Symbol('sojourn.opened')

interface Opened {
  readonly sessions: Sessions<object>
  /** Whether the module has made them, and closes them. */
  readonly isOwn: boolean
  readonly mounted: MountedOptions
}

/**
 * Gives each HTTP request its session, on Express and on Fastify, and provides the sessions for injection.
 * Global: import it once, in the root module.
 */
export class SojournModule implements NestModule, OnApplicationShutdown {
  readonly #opened: Opened
  readonly #host: HttpAdapterHost

  constructor(opened: Opened, host: HttpAdapterHost) {
    this.#opened = opened
    this.#host = host
  }

  /** @throws OptionError */
  static forRoot<Data extends object>(options: SojournModuleOptions<Data> = {}): DynamicModule {
    return moduleOf([{ provide: OPENED, useValue: opened(options) }])
  }

  /** Options from other providers: `forRootAsync({ inject: [ConfigService], useFactory: (config) => ({ … }) })`. */
  static forRootAsync<Data extends object, Args extends unknown[]>(
    options: SojournModuleAsyncOptions<Data, Args>,
  ): DynamicModule {
    const { imports = [], inject = [], useFactory } = options
    const provider: FactoryProvider = {
      provide: OPENED,
      inject,
      useFactory: async (...args: Args) => opened(await useFactory(...args)),
    }
    return { ...moduleOf([provider]), imports }
  }

  /** Nest calls it before there are any routes. */
  configure(): void {
    const { sessions, mounted } = this.#opened
    mountSessions(this.#host.httpAdapter, sessions, mounted)
  }

  /** The connections of the server have ended by then. */
  async onApplicationShutdown(): Promise<void> {
    const { sessions, isOwn } = this.#opened
    if (isOwn) await sessions.close()
  }
}

// As functions: what Nest reads of decorators is not what the language has by now.
Module({})(SojournModule)
Inject(OPENED)(SojournModule, undefined, 0)
Inject(HttpAdapterHost)(SojournModule, undefined, 1)

function moduleOf(providers: Provider[]): DynamicModule {
  return {
    module: SojournModule,
    global: true,
    providers: [
      ...providers,
      { provide: SESSIONS, inject: [OPENED], useFactory: ({ sessions }: Opened) => sessions },
      { provide: APP_FILTER, useClass: SojournExceptionFilter },
    ],
    exports: [SESSIONS],
  }
}

function opened<Data extends object>(options: SojournModuleOptions<Data>): Opened {
  if ('sessions' in options) {
    const { sessions, ...mounted } = options
    checkOptions(sessions, mounted, ['fresh', 'outage'])
    return { sessions: sessions as Sessions<object>, isOwn: false, mounted }
  }
  const { fresh, ...others } = options
  const mounted = fresh === undefined ? {} : { fresh }
  checkValues(mounted)
  const sessions = createSessions<Data>(others)
  return { sessions: sessions as Sessions<object>, isOwn: true, mounted }
}
