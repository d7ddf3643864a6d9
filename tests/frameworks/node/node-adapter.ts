import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Sessions } from 'sojourn'
import {
  type NodeMiddleware,
  type NodeServerRequest,
  type NodeServerResponse,
  nodeSessions,
} from 'sojourn/node'
import {
  type AppOptions,
  codeOf,
  type Data,
  type NodeAdapter,
  type NodeBehaviour,
  type NodeCall,
  type Reply,
  statusOf,
} from '../support/adapter.ts'
import { behaviourAt } from '../support/behaviour-at.ts'
import { plainProperties } from '../support/plain-properties.ts'

type Behaviours = Readonly<Record<string, NodeBehaviour>>

/** The suite over a server that has no framework at all. */
export const nodeAdapter: NodeAdapter = {
  name: 'node:http',
  start: async (sessions, behaviours, options) => {
    const errors: unknown[] = []
    const server = createServer(application(sessions, behaviours, options, errors))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return {
      port: (server.address() as AddressInfo).port,
      errors,
      close: async () => {
        server.closeAllConnections()
        await new Promise((resolve) => server.close(resolve))
      },
    }
  },
}

/** Serves the behaviours; what goes wrong is answered as the suite expects of an error handler. */
export function application(
  sessions: Sessions<Data>,
  behaviours: Behaviours,
  options: AppOptions<NodeCall>,
  errors: unknown[] = [],
): (request: NodeServerRequest, response: NodeServerResponse) => void {
  const { fresh = false, trustProxy = false, freshBelow } = options
  const first = nodeSessions(sessions, { trustProxy, fresh })
  const again = nodeSessions(sessions, { trustProxy, fresh: true })
  const use: NodeMiddleware = (request, response, next) =>
    first(request, response, (error) => {
      const isBelow = freshBelow !== undefined && request.url?.startsWith(freshBelow) === true
      if (error === undefined && isBelow) again(request, response, next)
      else next(error)
    })
  return (request, response) => {
    const call = callOf(request as IncomingMessage, response as ServerResponse, sessions)
    const fail = async (error: unknown): Promise<void> => {
      errors.push(error)
      if (response.headersSent) call.response.destroy()
      else if (options.onError) await options.onError(error, call)
      else call.reply.json({ error: codeOf(error) }, statusOf(error))
    }
    use(request, response, (error) => {
      if (error !== undefined) return void fail(error)
      const behave = behaviourAt(behaviours, request.url ?? '/')
      if (behave === undefined) return void call.reply.text('not found', 404)
      run(behave, call, fail)
    })
  }
}

function run(behave: NodeBehaviour, call: NodeCall, fail: (error: unknown) => Promise<void>): void {
  try {
    const result = behave(call)
    if (result instanceof Promise) result.catch(fail)
  } catch (thrown) {
    void fail(thrown)
  }
}

function callOf(
  request: IncomingMessage,
  response: ServerResponse,
  sessions: Sessions<Data>,
): NodeCall {
  return {
    get session() {
      return plainProperties(sessions.from(request))
    },
    key: request,
    request,
    response,
    reply: replyOf(response),
  }
}

function replyOf(response: ServerResponse): Reply {
  const send = (type: string, body: string, status: number): unknown => {
    response.statusCode = status
    response.setHeader('Content-Type', type)
    response.setHeader('Content-Length', Buffer.byteLength(body))
    return response.end(body)
  }
  return {
    header: (name, value) => void response.appendHeader(name, value),
    text: (body, status = 200) => send('text/plain', body, status),
    json: (value, status = 200) => send('application/json', JSON.stringify(value), status),
    empty: (status) => response.writeHead(status).end(),
    redirect: (location) => response.writeHead(302, { Location: location }).end(),
    stream: (source) => source.pipe(response),
    file: (path) => createReadStream(path).pipe(response),
  }
}
