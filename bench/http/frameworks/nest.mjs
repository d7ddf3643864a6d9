import { Controller, Get, HttpCode, Post, Req } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'

/** On Express, its default. Decorated by hand: Node has no decorators yet. */
export async function createNestServer(system, handlers) {
  class Routes {
    read(req) {
      return handlers.read(req)
    }
    views(req) {
      return handlers.views(req)
    }
    write(req) {
      return handlers.write(req)
    }
    seed(req) {
      return handlers.seed(req, 0)
    }
    seedLarge(req) {
      return handlers.seed(req, 4096)
    }
  }
  const route = (name, ...decorators) => {
    const property = Object.getOwnPropertyDescriptor(Routes.prototype, name)
    for (const decorate of decorators) decorate(Routes.prototype, name, property)
    Req()(Routes.prototype, name, 0)
  }
  route('read', Get('read'))
  route('views', Get('views'))
  route('write', Post('write'), HttpCode(200))
  route('seed', Post('seed'), HttpCode(200))
  route('seedLarge', Post('seed-4k'), HttpCode(200))
  Controller()(Routes)

  const root = { module: function Bench() {}, controllers: [Routes], imports: system.imports ?? [] }
  const app = await NestFactory.create(root, { logger: ['error'] })
  await app.init()
  return app.getHttpServer()
}
