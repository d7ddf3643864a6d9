import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { isSojournError, OptionError } from '../../src/core/errors.ts'
import { createKeyring, type Keyring } from '../../src/core/keyring.ts'
import { createToken, parseToken } from '../../src/core/token.ts'

const A = 'A'.repeat(32)
const B = 'B'.repeat(32)
const C = 'C'.repeat(32)

function refusal(secrets: readonly unknown[]): OptionError {
  try {
    createKeyring(secrets as string[])
  } catch (error) {
    if (error instanceof OptionError) return error
    throw error
  }
  throw new Error('accepted')
}

const opens = (keyring: Keyring, text: string): boolean => parseToken(keyring, text) !== undefined

describe('createKeyring', () => {
  it('makes the first secret the primary one and keeps the order', () => {
    const ids = [A, B, C].map((secret) => createKeyring([secret]).primary.id)
    expect(new Set(ids).size).toBe(3)
    const keyring = createKeyring([B, A, C])
    expect(keyring.keys.map((key) => key.id)).toEqual([ids[1], ids[0], ids[2]])
    expect(keyring.primary).toBe(keyring.keys[0])
  })

  it('has another subkey for each use, none of them the secret', () => {
    const { token, seal } = createKeyring([A]).primary
    const parts = [token.export(), seal.export(), Buffer.from(A)]
    for (const { length } of parts) expect(length).toBe(32)
    expect(new Set(parts.map((bytes) => bytes.toString('hex'))).size).toBe(3)
  })

  it('takes text and bytes for the same secret', () => {
    const text = createKeyring(['é'.repeat(16)]).primary
    const bytes = createKeyring([new Uint8Array(Buffer.from('é'.repeat(16)))]).primary
    expect(bytes.token.equals(text.token) && bytes.seal.equals(text.seal)).toBe(true)
  })

  it('counts bytes, not characters', () => {
    expect(() => createKeyring(['é'.repeat(16)])).not.toThrow()
    expect(refusal(['x'.repeat(31)]).message).toContain('has 31 bytes')
  })

  it.each<[string, unknown[], string]>([
    ['none', [], 'secrets'],
    ['an empty one', [''], 'secrets[0]'],
    ['empty bytes', [new Uint8Array(0)], 'secrets[0]'],
    ['a short one', [A, 'short'], 'secrets[1]'],
    ['short bytes', [A, B, randomBytes(31)], 'secrets[2]'],
    ['a missing environment variable', [A, undefined], 'secrets[1]'],
    ['null', [null], 'secrets[0]'],
    ['a number', [42], 'secrets[0]'],
    ['the same twice', [A, B, A], 'secrets[2]'],
    ['the same as text and as bytes', [A, Buffer.from(A)], 'secrets[1]'],
  ])('refuses %s, naming the option', (_, secrets, option) => {
    const error = refusal(secrets)
    expect(error.option).toBe(option)
    expect(error.message).toContain(`\`${option}\``)
    expect(isSojournError(error) && error.code).toBe('ERR_SOJOURN_OPTION')
  })

  it('S26 refuses two that have the same key id: which of them a record needs could not be told', () => {
    const pair = ['secret 96 xxxxxxxxxxxxxxxxxxxxxx', 'secret 135 xxxxxxxxxxxxxxxxxxxxx']
    const ids = pair.map((secret) => createKeyring([secret]).primary.id)
    expect(ids).toEqual([58_690, 58_690])
    const error = refusal([A, ...pair])
    expect(error.option).toBe('secrets[2]')
    expect(error.message).toContain('has the same key id as secrets[1], by chance: make another')
  })

  it('S07 does not show a refused secret in the message', () => {
    expect(refusal(['hunter2-canary']).message).not.toContain('hunter2')
    expect(refusal([A, A]).message).not.toContain(A)
  })
})

describe('rotation of secrets', () => {
  const made = createToken(createKeyring([A])).text

  it('S26 a former secret still verifies, wherever it stands', () => {
    for (const secrets of [[A], [A, B], [B, A], [C, B, A]]) {
      expect(opens(createKeyring(secrets), made)).toBe(true)
    }
  })

  it('S26 a removed secret fails closed', () => {
    expect(opens(createKeyring([B]), made)).toBe(false)
    expect(opens(createKeyring([B, C]), made)).toBe(false)
  })

  it('S26 the first secret signs: nodes that have only that one take the token', () => {
    const token = createToken(createKeyring([B, A])).text
    expect(opens(createKeyring([B]), token)).toBe(true)
    expect(opens(createKeyring([A]), token)).toBe(false)
  })
})
