export default defineNuxtConfig({
  compatibilityDate: '2026-01-01',
  telemetry: false,
  devtools: { enabled: false },
  // Where Nuxt 4 looks for them by itself.
  srcDir: 'app',
  serverDir: 'server',
})
