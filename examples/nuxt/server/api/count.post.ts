export default defineEventHandler(async ({ context: { session } }) => ({
  count: await session.update('count', (count = 0) => count + 1),
}))
