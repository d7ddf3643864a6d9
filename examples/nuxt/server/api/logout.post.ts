export default defineEventHandler(async ({ context: { session } }) => {
  await session.logout()
  return null
})
