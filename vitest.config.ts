import { fileURLToPath } from 'node:url'
import { defineConfig, type ViteUserConfig } from 'vitest/config'

const source = (path: string) => fileURLToPath(new URL(`src/${path}`, import.meta.url))

const config: ViteUserConfig = defineConfig({
  resolve: {
    alias: [
      { find: /^sojourn$/, replacement: source('index.ts') },
      { find: /^sojourn\/express$/, replacement: source('frameworks/express/index.ts') },
      { find: /^sojourn\/fastify$/, replacement: source('frameworks/fastify/index.ts') },
      { find: /^sojourn\/fetch$/, replacement: source('frameworks/fetch/index.ts') },
      { find: /^sojourn\/h3$/, replacement: source('frameworks/h3/index.ts') },
      { find: /^sojourn\/hono$/, replacement: source('frameworks/hono/index.ts') },
      { find: /^sojourn\/next$/, replacement: source('frameworks/next/index.ts') },
      { find: /^sojourn\/node$/, replacement: source('frameworks/node/index.ts') },
      { find: /^sojourn\/sveltekit$/, replacement: source('frameworks/sveltekit/index.ts') },
      { find: /^sojourn\/testing$/, replacement: source('testing/index.ts') },
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
      // `npm run typecheck` reports these; a run of one folder is not stopped by another file.
      ignoreSourceErrors: true,
    },
  },
})

export default config
