// The JDK that Maven uses, for what is built with it.
import { spawnSync } from 'node:child_process'

const OLDEST = 17
export const MAVEN = process.env['MAVEN'] ?? 'mvn'

/** @returns the folder of a JDK 17 or newer; nothing where there is none, or no Maven */
export function jdk() {
  const maven = spawnSync(MAVEN, ['-B', '-v'], { encoding: 'utf8' })
  const version = /^Java version: (?:1\.)?(\d+)/m.exec(maven.stdout ?? '')?.[1]
  const home = /runtime: (.+?)\s*$/m.exec(maven.stdout ?? '')?.[1]
  if (maven.status !== 0 || home === undefined || Number(version) < OLDEST) return undefined
  // A runtime without a compiler builds nothing.
  return spawnSync(`${home}/bin/javac`, ['-version']).status === 0 ? home : undefined
}
