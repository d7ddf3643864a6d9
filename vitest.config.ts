import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { defineConfig, type ViteUserConfig } from 'vitest/config'

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

/** Entry points are named once: where the compiler finds them is where the tests do. */
const { compilerOptions } = JSON.parse(readFileSync(here('tsconfig.json'), 'utf8')) as {
  compilerOptions: { paths: Record<string, [string]> }
}

const config: ViteUserConfig = defineConfig({
  resolve: {
    alias: Object.entries(compilerOptions.paths).map(([name, [file]]) => ({
      find: new RegExp(`^${name.replaceAll('.', '\\.')}$`),
      replacement: here(file),
    })),
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
      // Programs of their own, with `npm run typecheck`: they type `request.session` too.
      exclude: ['tests/frameworks/fastify-session/**', 'tests/frameworks/express-compat-types/**'],
      // `npm run typecheck` reports these; a run of one folder is not stopped by another file.
      ignoreSourceErrors: true,
    },
  },
})

export default config
