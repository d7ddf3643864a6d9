import { All, type ArgumentsHost, Catch, type ExecutionContext, Req, Res } from '@nestjs/common'
import type { Request, Response } from 'express'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Sessions } from 'sojourn'
import { SojournModule } from 'sojourn/nest'
import { callOf as expressCall } from '../express/express-adapter.ts'
import { callOf as fastifyCall } from '../fastify/fastify-adapter.ts'
import { codeOf, type Data, type NodeAdapter, type NodeCall, statusOf } from '../support/adapter.ts'
import { controller, type Platform, startNest } from './nest-app.ts'

/** The suite over Nest on one of its platforms. */
export function nestAdapter(name: string, platform: Platform): NodeAdapter {
  const callOf = (request: unknown, response: unknown, sessions: Sessions<Data>): NodeCall =>
    platform === 'express'
      ? expressCall(request as Request, response as Response, sessions)
      : fastifyCall(request as FastifyRequest, response as FastifyReply, sessions)
  return {
    name,
    start: async (sessions, behaviours, options) => {
      const errors: unknown[] = []
      const routes = Object.entries(behaviours).map(
        ([path, behave]) => [new RegExp(`^${path.replace(/:\w+/g, '[^/]+')}$`), behave] as const,
      )
      const app = controller({
        all: [
          [All(platform === 'express' ? '{*path}' : '*')],
          [Req(), Res()],
          (request: { url: string }, response: object) => {
            const [path = ''] = request.url.split('?')
            const behave = routes.find(([route]) => route.test(path))?.[1]
            return behave?.(callOf(request, response, sessions))
          },
        ],
      })
      class Filter {
        catch(error: unknown, host: ArgumentsHost): void {
          errors.push(error)
          const [request, response] = host.getArgs<[object, object]>()
          const call = callOf(request, response, sessions)
          if (call.response.headersSent) return
          if (options.onError) void options.onError(error, call)
          else call.reply.json({ error: codeOf(error) }, statusOf(error))
        }
      }
      Catch()(Filter)
      const { fresh, freshBelow } = options
      const guard = {
        canActivate: async (context: ExecutionContext): Promise<boolean> => {
          const request = context.switchToHttp().getRequest<{ url: string }>()
          const isFresh = freshBelow !== undefined && request.url.startsWith(freshBelow)
          if (isFresh) await sessions.from(request).refresh()
          return true
        },
      }
      const started = await startNest(platform, {
        imports: [
          SojournModule.forRoot({
            sessions,
            ...(fresh === undefined ? {} : { fresh: fresh as never }),
          }),
        ],
        controllers: [app],
        filter: new Filter(),
        guard,
        trustProxy: options.trustProxy === true,
      })
      return { port: started.port, errors, close: () => started.close() }
    },
  }
}
