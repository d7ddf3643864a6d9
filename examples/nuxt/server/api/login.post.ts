export default defineEventHandler(async (event) => {
  // … check the password first
  await event.context.session.login('ada', { device: getHeader(event, 'user-agent') })
  return { principal: 'ada' }
})
