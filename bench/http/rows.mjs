// What is measured. Each row is a process with a server of its own.
import { existsSync } from 'node:fs'
import { ownVersionOf, versionOf } from '../support/install.mjs'
import { ownVersion } from '../support/run.mjs'

const adapter = (name) =>
  existsSync(new URL(`../../dist/frameworks/${name}/index.js`, import.meta.url))

const frameworkNames = {
  node: 'node:http',
  express: `Express ${versionOf('express')}`,
  fastify: `Fastify ${versionOf('fastify')}`,
  fetch: `fetch on @hono/node-server ${versionOf('@hono/node-server')}`,
  hono: `Hono ${versionOf('hono')}`,
  koa: `Koa ${versionOf('koa')}`,
  h3: `h3 ${ownVersionOf('h3')}`,
  nest: `Nest ${ownVersionOf('@nestjs/core')} on Express`,
}

const peer = (name) => `${name} ${versionOf(name)}`
const store = peer('connect-redis')

/**
 * `framework` and `system` name a file in frameworks/ and in systems/; `floor` is the row that the
 * framework costs in alone, with objects in the same mode. Rows that are `apart` run after the framework's others, beside
 * servers of their own of what they are compared with.
 */
export function listRows() {
  // What Express costs without the hidden classes that its changed prototypes bring about in V8 before
  // 13 (src/frameworks/node/dictionary.ts). Our adapter's requests and responses are of this kind,
  // those of express-session are as in bare Express.
  const dictionary = {
    id: 'express-dictionary',
    name: 'objects in dictionary mode',
    framework: 'express',
    system: 'dictionary',
  }
  const bare = Object.entries(frameworkNames).map(([framework, name]) => ({
    id: framework,
    name,
    framework,
    system: 'bare',
  }))
  // What Sojourn is held against, whatever the machine: see systems/map.mjs.
  const maps = ['node', 'fastify', 'koa', 'fetch', 'hono', 'h3'].map((framework) => ({
    id: `map-${framework}`,
    name: 'a Map and a header',
    framework,
    system: 'map',
  }))
  const peers = [
    ['express', 'express-session', `${peer('express-session')} + ${store}`],
    ['fastify', 'fastify-session', `${peer('@fastify/session')} + ${store}`],
    ['koa', 'koa-session', `${peer('koa-session')} + a store on ${peer('redis')}`],
  ].map(([framework, system, name]) => ({ id: system, name, framework, system, floor: framework }))
  const own = ['node', 'express', 'fastify', 'koa', 'fetch', 'hono', 'h3', 'nest']
    .filter(adapter)
    .flatMap((framework) =>
      // Without the near cache it is the same work whatever the framework.
      (['node', 'express', 'fastify'].includes(framework) ? [true, false] : [true]).map(
        (nearCache) => ({
          id: `sojourn-${framework}${nearCache ? '' : '-far'}`,
          name: `Sojourn ${ownVersion()}${nearCache ? '' : ', no near cache'}`,
          framework,
          system: 'sojourn',
          floor: framework === 'express' ? dictionary.id : framework,
          nearCache,
          apart: !nearCache,
        }),
      ),
    )
  // For applications that are written for the peers.
  const dropIns = [
    ['express', 'express-compat', 'compat()'],
    ['fastify', 'fastify-session', 'fastify-session'],
    ['koa', 'koa-session', 'koa-session'],
  ].map(([framework, library, name]) => ({
    id: `sojourn-${library}`,
    name: `Sojourn ${ownVersion()} as ${name}`,
    framework,
    system: 'drop-in',
    library,
    floor: framework === 'express' ? dictionary.id : framework,
    apart: true,
  }))
  const alone = [
    ['sveltekit', "SvelteKit's handle"],
    ['next', "Next's readSession and withSession"],
  ].map(([name, part]) => ({
    id: `sojourn-${name}`,
    name: `Sojourn ${ownVersion()}, ${part}`,
    framework: 'fetch',
    system: 'sojourn',
    adapter: name,
    floor: 'fetch',
    nearCache: true,
    apart: true,
  }))
  // Beside the framework that they are measured over.
  const rows = Object.keys(frameworkNames).flatMap((framework) =>
    [...bare, dictionary, ...maps, ...peers, ...own, ...alone, ...dropIns].filter(
      (row) => row.framework === framework,
    ),
  )
  return rows.map((row) => ({
    ...row,
    name: row.system === 'bare' ? row.name : `${row.name}, ${frameworkNames[row.framework]}`,
  }))
}
