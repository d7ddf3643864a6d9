import 'reflect-metadata'
import { Controller, Get, HttpCode, Module, Post, Req } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'

/** On Express, its default. Decorated by hand: Node has no decorators yet. */
export async function createNestServer(system, handlers) {
  class Routes {}
  const route = (name, decorators, handler) => {
    Routes.prototype[name] = handler
    const property = Object.getOwnPropertyDescriptor(Routes.prototype, name)
    for (const decorate of decorators) decorate(Routes.prototype, name, property)
    Req()(Routes.prototype, name, 0)
  }
  route('read', [Get('read')], handlers.read)
  route('views', [Get('views')], handlers.views)
  route('write', [Post('write'), HttpCode(200)], handlers.write)
  route('seed', [Post('seed'), HttpCode(200)], (req) => handlers.seed(req, 0))
  route('seedLarge', [Post('seed-4k'), HttpCode(200)], (req) => handlers.seed(req, 4096))
  Controller()(Routes)

  class App {}
  Module({ controllers: [Routes], imports: system.imports ?? [] })(App)
  const app = await NestFactory.create(App, { logger: ['error'] })
  await app.init()
  return app.getHttpServer()
}
