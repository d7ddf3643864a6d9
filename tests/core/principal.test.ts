import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { descriptorHead } from '../../src/core/engine.ts'
import { AttributeError } from '../../src/core/errors.ts'
import { createKeyring } from '../../src/core/keyring.ts'
import { PARTITIONS, partitionTag } from '../../src/core/partitions.ts'
import {
  type Descriptor,
  namePrincipal,
  openDescriptor,
  sealDescriptor,
} from '../../src/core/principal.ts'
import { createToken } from '../../src/core/token.ts'

const NO_PEPPER = new Uint8Array(0)
const A = 'A'.repeat(32)
const B = 'B'.repeat(32)
const keyring = createKeyring([A])
const names = { keyring, pepper: NO_PEPPER }
const id = createToken(keyring, 5).id

describe('namePrincipal', () => {
  it('is the HMAC of the principal: 22 characters, and the partition from the first two bytes', () => {
    const hash = createHmac('sha256', 'pepper').update('user-7').digest()
    const partition = hash.readUInt16BE(0) % PARTITIONS
    expect(namePrincipal('user-7', Buffer.from('pepper'))).toEqual({
      principal: 'user-7',
      tag: hash.subarray(0, 16).toString('base64url'),
      partition,
      partitionTag: partitionTag(partition),
    })
  })

  it('is always the same for one principal, and another for each', () => {
    const names = Array.from({ length: 5_000 }, (_, i) => namePrincipal(`user-${i}`, NO_PEPPER))
    expect(new Set(names.map((name) => name.tag)).size).toBe(5_000)
    expect(new Set(names.map((name) => name.partition)).size).toBeGreaterThan(1_000)
    expect(namePrincipal('user-7', NO_PEPPER)).toEqual(names[7])
  })

  it('is another one with another pepper', () => {
    const tags = ['', 'a', 'b'].map((pepper) => namePrincipal('u', Buffer.from(pepper)).tag)
    expect(new Set(tags).size).toBe(3)
  })

  it('does not show the principal', () => {
    const { tag } = namePrincipal('alice', NO_PEPPER)
    expect(Buffer.from(tag, 'base64url').toString('latin1')).not.toContain('ali')
  })

  it.each([
    '',
    'x'.repeat(1_025),
    'ü'.repeat(513),
    7 as never,
    undefined as never,
    null as never,
    {} as never,
    ['u'] as never,
  ])('refuses %j', (principal) => {
    expect(() => namePrincipal(principal, NO_PEPPER)).toThrow(AttributeError)
    expect(() => namePrincipal(principal, NO_PEPPER)).toThrow('1 to 1024 bytes')
  })

  it.each(['x'.repeat(1_024), 'ü'.repeat(512), ' ', '0', '__proto__', '\0'])(
    'takes %j',
    (principal) => {
      expect(namePrincipal(principal, NO_PEPPER).principal).toBe(principal)
    },
  )

  it('I2 refuses lone surrogates, which would make two principals one', () => {
    for (const principal of ['\ud800', 'a\udc00', 'a\ud800b']) {
      expect(() => namePrincipal(principal, NO_PEPPER)).toThrow(AttributeError)
    }
    expect(namePrincipal('\u{1f600}', NO_PEPPER).tag).toHaveLength(22)
  })

  it('I2 gives no two principals one name', () => {
    const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 10 })
    fc.assert(
      fc.property(text, text, (a, b) => {
        const same = namePrincipal(a, NO_PEPPER).tag === namePrincipal(b, NO_PEPPER).tag
        expect(same).toBe(a === b)
      }),
    )
  })
})

describe('a descriptor', () => {
  const { tag } = namePrincipal('user-7', NO_PEPPER)
  const full: Descriptor = {
    createdAt: Date.UTC(2025, 0, 1),
    deadline: Date.UTC(2025, 0, 2),
    idleTimeout: 1_800_000,
    principal: 'user-7',
    kind: 'web',
    device: 'Firefox on Linux',
    address: '2001:db8::1',
  }

  it('opens to what was sealed', () => {
    const bare: Descriptor = { ...full, kind: undefined, device: undefined, address: undefined }
    const text = { principal: 'ü', kind: '\u{1f600}', device: '', address: 'é\u{1f600}' }
    const most = 2 ** 48 - 1
    const later: Descriptor = { createdAt: most, deadline: most, idleTimeout: most, ...text }
    for (const descriptor of [full, bare, later]) {
      const sealed = sealDescriptor(names, tag, id, descriptor)
      expect(openDescriptor(keyring, tag, id, sealed)).toEqual(descriptor)
    }
  })

  it('has creation time, idle timeout and kind where engines look for them', () => {
    const sealed = sealDescriptor(names, tag, id, full)
    const kind = createHmac('sha256', '').update('kind\0web').digest().readUInt32BE()
    const { createdAt, idleTimeout } = full
    expect(descriptorHead(sealed)).toEqual({ createdAt, idleTimeout, kind })
    const none = sealDescriptor(names, tag, id, { ...full, kind: undefined })
    expect(descriptorHead(none).kind).toBe(0)
  })

  it('S07 shows neither principal nor kind, device or address', () => {
    const sealed = Buffer.from(sealDescriptor(names, tag, id, full)).toString('latin1')
    for (const text of ['user-7', 'web', 'Firefox', '2001']) expect(sealed).not.toContain(text)
  })

  it('S07 has another kind tag under another pepper', () => {
    const tags = ['', 'a', 'b'].map((pepper) => {
      const peppered = { keyring, pepper: Buffer.from(pepper) }
      return descriptorHead(sealDescriptor(peppered, tag, id, full)).kind
    })
    expect(new Set(tags).size).toBe(3)
  })

  it('S25 does not open when any bit of it is changed, when it is cut or lengthened', () => {
    const sealed = sealDescriptor(names, tag, id, full)
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const changed = new Uint8Array(sealed)
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(openDescriptor(keyring, tag, id, changed)).toBeUndefined()
    }
    for (let length = 0; length < sealed.length; length++) {
      expect(openDescriptor(keyring, tag, id, sealed.subarray(0, length))).toBeUndefined()
    }
    expect(openDescriptor(keyring, tag, id, Buffer.concat([sealed, sealed]))).toBeUndefined()
  })

  it('S25 does not open for another session or another principal', () => {
    const sealed = sealDescriptor(names, tag, id, full)
    const other = namePrincipal('user-8', NO_PEPPER).tag
    expect(openDescriptor(keyring, other, id, sealed)).toBeUndefined()
    expect(openDescriptor(keyring, tag, createToken(keyring, 5).id, sealed)).toBeUndefined()
  })

  it('S26 opens under former secrets, not under removed ones', () => {
    const sealed = sealDescriptor(names, tag, id, full)
    expect(openDescriptor(createKeyring([B, A]), tag, id, sealed)).toEqual(full)
    expect(openDescriptor(createKeyring([B]), tag, id, sealed)).toBeUndefined()
  })

  it('is sealed anew each time', () => {
    const [one, two] = [1, 2].map(() => sealDescriptor(names, tag, id, full))
    expect(Buffer.from(one ?? []).equals(two ?? new Uint8Array())).toBe(false)
  })

  it('F25 of any bytes is read without an exception', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 90 }), (bytes) => {
        const versioned = Uint8Array.from([1, ...bytes])
        expect(openDescriptor(keyring, tag, id, bytes)).toBeUndefined()
        expect(openDescriptor(keyring, tag, id, versioned)).toBeUndefined()
      }),
    )
  })
})
