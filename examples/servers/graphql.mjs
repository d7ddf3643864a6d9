// GraphQL on Express: node graphql.mjs, with REDIS_URL, SESSION_SECRET and PORT.
import express from 'express'
import { GraphQLInt, GraphQLObjectType, GraphQLSchema, GraphQLString } from 'graphql'
import { createHandler } from 'graphql-http/lib/use/express'
import { createSessions } from 'sojourn'
import { expressSessions } from 'sojourn/express'

const sessions = createSessions({
  redis: process.env.REDIS_URL,
  secrets: [process.env.SESSION_SECRET],
})

const field = (type, resolve) => ({ type, resolve: (_, args, { session }) => resolve(session) })
const schema = new GraphQLSchema({
  query: new GraphQLObjectType({
    name: 'Query',
    fields: {
      user: field(GraphQLString, (session) => session.principal),
      views: field(GraphQLInt, (session) => session.get('views') ?? 0),
    },
  }),
  mutation: new GraphQLObjectType({
    name: 'Mutation',
    fields: {
      view: field(GraphQLInt, (session) => session.update('views', (views = 0) => views + 1)),
      login: field(GraphQLString, async (session) => {
        // … check the password first
        await session.login('ada', { keep: ['views'] })
        return session.principal
      }),
      logout: field(GraphQLString, (session) => session.logout().then(() => 'signed out')),
    },
  }),
})

const app = express()
app.set('trust proxy', 1) // one proxy, which ends TLS
app.use(expressSessions(sessions))
app.all(
  '/graphql',
  createHandler({ schema, context: ({ raw }) => ({ session: sessions.from(raw) }) }),
)
app.listen(process.env.PORT)
