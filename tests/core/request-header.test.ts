import { describe, expect, it } from 'vitest'
import { headerOf } from '../../src/core/request-header.ts'

const web = new Request('https://example.org/', { headers: { 'user-agent': 'Firefox' } })

describe('headerOf', () => {
  it.each<[string, object | undefined, string | undefined]>([
    ['Node, Express, Fastify, Koa', { headers: { 'user-agent': 'Firefox' } }, 'Firefox'],
    ['a header that came more than once', { headers: { 'user-agent': ['a', 'b'] } }, 'a, b'],
    ['a web request, as with Hono and fetch', web, 'Firefox'],
    ['Next', { headers: web.headers }, 'Firefox'],
    ['h3 2', { req: web }, 'Firefox'],
    ['h3 1 and Nitro', { node: { req: { headers: { 'user-agent': 'Firefox' } } } }, 'Firefox'],
    ['Hono, its context and its request', { req: { raw: web } }, 'Firefox'],
    ['SvelteKit', { request: web }, 'Firefox'],
    ['one that has none', new Request('https://example.org/'), undefined],
    ['one of Node that has none', { headers: {} }, undefined],
    ['what is no request', { req: 'x' }, undefined],
    ['no request', undefined, undefined],
  ])('of %s', (_, request, value) => {
    expect(headerOf(request, 'User-Agent')).toBe(value)
  })
})
