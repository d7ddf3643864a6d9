import { describe, expect, it } from 'vitest'
import { addressOf, holdAddress, networkOf } from '../../src/core/client-address.ts'

describe('addressOf', () => {
  it.each<[string, object | undefined, string | undefined]>([
    ['a framework that knows it', { ip: '192.0.2.1' }, '192.0.2.1'],
    ['Node', { socket: { remoteAddress: '192.0.2.1' } }, '192.0.2.1'],
    ['both: the framework', { ip: '192.0.2.1', socket: { remoteAddress: '::1' } }, '192.0.2.1'],
    ['IPv4 in a socket of IPv6', { ip: '::ffff:192.0.2.1' }, '192.0.2.1'],
    ['a proxy that writes ports', { ip: '192.0.2.1:4711' }, '192.0.2.1'],
    ['one that does so with IPv6', { ip: '[2001:db8::1]:4711' }, '2001:db8::1'],
    ['IPv6', { ip: '2001:db8::1' }, '2001:db8::1'],
    ['a connection that is gone', { socket: { remoteAddress: undefined } }, undefined],
    ['none', { ip: '' }, undefined],
    ['a web request', new Request('https://example.org/'), undefined],
    ['no request', undefined, undefined],
  ])('of %s', (_, request, address) => {
    expect(addressOf(request)).toBe(address)
  })

  it('is what the adapter has said, where it knows', () => {
    const request = { socket: { remoteAddress: '192.0.2.1' } }
    holdAddress(request, () => '192.0.2.2')
    expect(addressOf(request)).toBe('192.0.2.2')
  })
})

it.each([
  ['192.0.2.1', '192.0.2.1'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:0DB8:1::6', '2001:db8:1:0::/64'],
  ['2001:db8:1:2::', '2001:db8:1:2::/64'],
  ['::1', '0:0:0:0::/64'],
  ['64:ff9b::c000:201', '192.0.2.1'],
  ['64:FF9B::192.0.2.1', '192.0.2.1'],
  ['64:ff9b:1::c000:201', '64:ff9b:1:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
])('the network of %s is %s', (address, network) => {
  expect(networkOf(address)).toBe(network)
})
