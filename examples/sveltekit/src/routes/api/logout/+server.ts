export const POST = async ({ locals: { session } }) => {
  await session.logout()
  return new Response(null, { status: 204 })
}
