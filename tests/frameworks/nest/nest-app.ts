/** Nest without decorators' syntax, which the language has otherwise by now: each is a function. */

import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  type CanActivate,
  Controller,
  type ExceptionFilter,
  type INestApplication,
  Module,
  type ModuleMetadata,
  type Type,
} from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { ExpressAdapter, type NestExpressApplication } from '@nestjs/platform-express'
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify'

export const platforms = ['express', 'fastify'] as const
export type Platform = (typeof platforms)[number]

export interface NestApp {
  readonly nest: INestApplication
  readonly port: number
  close(): Promise<void>
}

export interface AppParts extends Pick<ModuleMetadata, 'imports' | 'controllers' | 'providers'> {
  readonly filter?: ExceptionFilter
  readonly guard?: CanActivate
  readonly trustProxy?: boolean
}

/** Starts an application on a free port. */
export async function startNest(
  platform: Platform,
  { filter, guard, trustProxy = false, ...metadata }: AppParts,
): Promise<NestApp> {
  class AppModule {}
  Module(metadata)(AppModule)
  const options = { logger: false, forceCloseConnections: true, abortOnError: false } as const
  let nest: NestExpressApplication | NestFastifyApplication
  if (platform === 'express') {
    nest = await NestFactory.create<NestExpressApplication>(
      AppModule,
      new ExpressAdapter(),
      options,
    )
    if (trustProxy) nest.set('trust proxy', true)
  } else {
    const adapter = new FastifyAdapter({ trustProxy, forceCloseConnections: true })
    nest = await NestFactory.create<NestFastifyApplication>(AppModule, adapter, options)
  }
  if (filter) nest.useGlobalFilters(filter)
  if (guard) nest.useGlobalGuards(guard)
  await nest.listen(0, '127.0.0.1')
  const server: Server = nest.getHttpServer()
  const { port } = server.address() as AddressInfo
  return { nest, port, close: () => nest.close() }
}

type Parameter = (target: object, name: string, index: number) => void

/** Adds a handler to a class: what `@Get('/path')` and parameters' decorators do. */
export function handler(
  target: Type,
  name: string,
  decorators: readonly MethodDecorator[],
  parameters: readonly (Parameter | undefined)[],
  run: (...args: never[]) => unknown,
): void {
  const prototype = target.prototype as object
  Object.defineProperty(prototype, name, { value: run, writable: true, configurable: true })
  const descriptor = Object.getOwnPropertyDescriptor(prototype, name) as PropertyDescriptor
  for (const [index, decorate] of parameters.entries()) decorate?.(prototype, name, index)
  for (const decorate of decorators) decorate(prototype, name, descriptor)
}

/** A controller of these handlers. */
export function controller(
  handlers: Readonly<
    Record<
      string,
      readonly [
        readonly MethodDecorator[],
        readonly (Parameter | undefined)[],
        (...args: never[]) => unknown,
      ]
    >
  >,
): Type {
  class AppController {}
  Controller()(AppController)
  for (const [name, [decorators, parameters, run]] of Object.entries(handlers)) {
    handler(AppController, name, decorators, parameters, run)
  }
  return AppController
}
