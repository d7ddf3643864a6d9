import { fileURLToPath } from 'node:url'
import { defineConfig, type ViteUserConfig } from 'vitest/config'

const source = (path: string) => fileURLToPath(new URL(`src/${path}`, import.meta.url))

const config: ViteUserConfig = defineConfig({
  resolve: {
    alias: [
      { find: /^sojourn$/, replacement: source('index.ts') },
      { find: /^sojourn\/express$/, replacement: source('frameworks/express/index.ts') },
      {
        find: /^sojourn\/express-session$/,
        replacement: source('frameworks/express-session/index.ts'),
      },
      { find: /^sojourn\/fastify$/, replacement: source('frameworks/fastify/index.ts') },
      { find: /^sojourn\/fetch$/, replacement: source('frameworks/fetch/index.ts') },
      { find: /^sojourn\/hono$/, replacement: source('frameworks/hono/index.ts') },
      {
        find: /^sojourn\/fastify-session$/,
        replacement: source('frameworks/fastify/compat/index.ts'),
      },
      { find: /^sojourn\/node$/, replacement: source('frameworks/node/index.ts') },
      { find: /^sojourn\/socket\.io$/, replacement: source('frameworks/socket.io/index.ts') },
      { find: /^sojourn\/testing$/, replacement: source('testing/index.ts') },
      { find: /^sojourn\/ws$/, replacement: source('frameworks/ws/index.ts') },
    ],
  },
  test: {
    include: ['tests/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 20_000,
    hookTimeout: 20_000,
    teardownTimeout: 10_000,
    typecheck: {
      enabled: true,
      checker: 'tsc',
      include: ['tests/**/*.test-d.ts'],
      // A program of its own, with `npm run typecheck`: it types `request.session` too.
      exclude: ['tests/frameworks/fastify-session/**'],
      // `npm run typecheck` reports these; a run of one folder is not stopped by another file.
      ignoreSourceErrors: true,
    },
  },
})

export default config
