import { EventEmitter, on } from 'node:events'
import { createRequire } from 'node:module'
import type * as GraphQL from 'graphql'
import type { Session } from 'sojourn'
import type { Data } from '../support/adapter.ts'

/** What resolvers get. */
export type Context = { readonly session: Session<Data> }

// The copy that the handlers load: a schema of another one is refused.
const { buildSchema } = createRequire(import.meta.url)('graphql') as typeof GraphQL

const TYPES = `
  type Query {
    who: String
    counts: [Int]
    left: Int
    right: Int
    plus(name: String): Int
  }
  type Mutation {
    login(name: String!): String
    logout: Boolean
    setLeft(to: Int!): Int
    setRight(to: Int!): Int
    fail: Int
  }
  type Subscription {
    messages: String
  }
`

export interface Resolvers {
  readonly schema: GraphQL.GraphQLSchema
  readonly root: Readonly<Record<string, (args: never, context: Context) => unknown>>
  /** Sends a message to all who are subscribed. */
  readonly say: (message: string) => void
  /** How many are subscribed. */
  readonly listening: () => number
}

export function resolvers(): Resolvers {
  const room = new EventEmitter()
  const root = {
    who: (_: unknown, { session }: Context) => session.principal ?? 'nobody',
    counts: (_: unknown, { session }: Context) => [session.get('left'), session.get('right')],
    // Fields of a query run side by side.
    left: async (_: unknown, { session }: Context) => {
      await new Promise(setImmediate)
      return session.update('left', (n = 0) => n + 1)
    },
    right: async (_: unknown, { session }: Context) => {
      await new Promise(setImmediate)
      session.set('right', (session.get('right') ?? 0) + 1)
      return session.get('right')
    },
    plus: ({ name }: { name: 'left' | 'right' | 'n' }, { session }: Context) =>
      session.update(name, (n = 0) => n + 1),
    login: async ({ name }: { name: string }, { session }: Context) => {
      await session.login(name, { keep: ['left', 'right'] })
      return session.principal
    },
    logout: async (_: unknown, { session }: Context) => {
      await session.logout()
      return true
    },
    setLeft: ({ to }: { to: number }, { session }: Context) => {
      session.set('left', to)
      return to
    },
    setRight: ({ to }: { to: number }, { session }: Context) => {
      session.set('right', to)
      return to
    },
    fail: (_: unknown, { session }: Context) => {
      session.set('left', 99)
      throw new Error('resolver failed')
    },
  }
  const messages = async function* (_: unknown, __: unknown, { session }: Context) {
    const { signal } = session
    try {
      for await (const [message] of on(room, 'message', { signal })) {
        yield { messages: `${session.principal}: ${String(message)}` }
      }
    } catch (error) {
      // Signed out: the subscription is complete.
      if (!signal.aborted) throw error
    }
  }
  const schema = buildSchema(TYPES)
  Object.assign(schema.getSubscriptionType()?.getFields()['messages'] ?? {}, {
    subscribe: messages,
  })
  return {
    ...{ schema, root },
    say: (message) => void room.emit('message', message),
    listening: () => room.listenerCount('message'),
  }
}
