export default defineEventHandler(({ context: { session } }) => ({
  principal: session.principal,
  count: session.get('count') ?? 0,
}))
