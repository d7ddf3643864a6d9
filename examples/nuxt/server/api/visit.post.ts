/** Changed without an `await`: stored before the answer goes out. */
export default defineEventHandler(({ context: { session } }) => {
  session.set('count', (session.get('count') ?? 0) + 1)
  return { principal: session.principal, count: session.get('count') }
})
