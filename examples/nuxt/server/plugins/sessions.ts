import { nitroSessions } from 'sojourn/h3'

export default defineNitroPlugin((nitroApp) => {
  nitroSessions(sessions)(nitroApp)
  nitroApp.hooks.hook('close', () => sessions.close())
})
