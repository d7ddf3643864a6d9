// What a request, a read past the near cache and a write are made of, each part alone.

import { checkOptions } from '../../dist/core/options.js'
import { encodeRecord, openRecord } from '../../dist/core/record.js'
import { createToken, parseToken } from '../../dist/core/token.js'
import { sample, sampleOf } from '../support/sample.mjs'
import { inTurns } from './measure.mjs'

const TOKENS = 1_000
const NO_META = new Map()

export function tokens(secret) {
  const { keyring, cookie } = checkOptions({ secrets: [secret], cookie: { secure: false } }, false)
  const texts = Array.from({ length: TOKENS }, () => createToken(keyring).text)
  const nextText = inTurns(texts)
  const nextHeader = inTurns(texts.map((text) => `consent=all; a=b; session=${text}; c=d`))
  const profile = cookie.profile({ secure: false, host: 'localhost', proxied: false })
  return {
    'cookie header to its value': () => cookie.candidates(profile, nextHeader()),
    'token checked, and its id': () => parseToken(keyring, nextText()),
    'token made': () => createToken(keyring),
  }
}

const settingsNames = {
  'default settings': {},
  'compress: false': { compress: false },
  'seal: false': { seal: false },
  "seal: 'token'": { seal: 'token' },
  "codec: 'json'": { codec: 'json' },
}

export function records(secret) {
  const functions = {}
  for (const [name, options] of Object.entries(settingsNames)) {
    Object.assign(functions, recordFunctions(name, sample, secret, options))
  }
  return { ...functions, ...recordFunctions('4 KiB of JSON', sampleOf(4096), secret, {}) }
}

function recordFunctions(name, data, secret, options) {
  const { keyring, record: settings } = checkOptions({ secrets: [secret], ...options }, false)
  const token = createToken(keyring)
  const context = { keyring, id: token.id, token }
  const content = { attributes: new Map(Object.entries(data)), meta: NO_META }
  const header = {
    revision: 1,
    createdAt: 1_732_440_000_000,
    deadline: 1_732_483_200_000,
    idleTimeout: 1_800_000,
    schema: 0,
    ownerTag: undefined,
  }
  const encode = () => encodeRecord(header, content, context, settings)
  const stored = encode()
  const open = () => openRecord(stored, context)
  if (open().status !== 'open') throw new Error(`a record does not open: ${name}`)
  return { [`${name}: encode`]: encode, [`${name}: open`]: open }
}
