// Builds what examples/polyglot needs beside the library for Node: where there is Python 3.10, or a JDK 17 with Maven, the client
// in that language and the application on it.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { jdk, MAVEN } from './jdk.mjs'
import { bin, prepare } from './python-environment.mjs'

const at = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url))

/**
 * @returns by the stack's name what runs it, or why it cannot run
 * @throws Error where a build fails
 */
export function buildPolyglot() {
  const python = prepare()
  const django =
    python.missing === undefined ? { python: `${bin}/python` } : { missing: python.missing }
  const home = jdk()
  if (home === undefined) return { django, spring: { missing: 'no JDK 17 with Maven' } }
  console.log('java: building the clients and the example')
  const args = [
    '-q',
    '-B',
    '-Pexamples',
    '-pl',
    ':shop,:spring-boot-with-sojourn',
    '-am',
    '-DskipTests',
    'package',
  ]
  const { status } = spawnSync(MAVEN, args, { cwd: at('clients/java'), stdio: 'inherit' })
  if (status !== 0) throw new Error('Maven has failed')
  return { django, spring: { java: `${home}/bin/java` } }
}
