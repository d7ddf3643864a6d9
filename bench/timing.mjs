// Whether the time of a refusal tells why a cookie was refused, or where it is wrong: `npm run bench:timing`.
//
// Two kinds are measured in pairs, one right behind the other in random order, so that what slows the machine down slows both; the
// difference of each pair is one sample. A t-test on the samples without the largest ones, for several crops of which the largest |t| counts, as
// in dudect (Reparaz, Balasch, Verbauwhede 2017): above 4.5 is a leak. What shows that it would be seen: the same measurement of the same code
// with a comparison that stops at the first wrong byte must find one, or the measurement says nothing, and that is a failure too.
import { randomBytes, randomInt } from 'node:crypto'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const LEAK = 4.5
const CROPS = [0.5, 0.7, 0.8, 0.9, 0.95]
const dist = fileURLToPath(new URL('../dist', import.meta.url))
const KEPT = 'crypto.timingSafeEqual(a, b)'
const PLANTED =
  '(() => { for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false; return true })()'

const real = await verifier(dist)
const folder = mkdtempSync(join(tmpdir(), 'sj-timing-'))
let hasFailed = false
try {
  cpSync(dist, join(folder, 'dist'), { recursive: true })
  symlinkSync(join(dist, '../package.json'), join(folder, 'package.json'))
  symlinkSync(join(dist, '../node_modules'), join(folder, 'node_modules'))
  const file = join(folder, 'dist/core/crypto.js')
  const text = readFileSync(file, 'utf8')
  if (!text.includes(KEPT)) throw new Error(`${file} compares by something else`)
  writeFileSync(file, text.replace(KEPT, PLANTED))
  const planted = await verifier(join(folder, 'dist'))

  console.log('The comparison alone, 9 bytes as in a token:')
  const bytes = randomBytes(9)
  const wrongAt = (at) => Uint8Array.from(bytes, (byte, i) => (i === at ? byte ^ 1 : byte))
  for (const { name, of, isPlanted } of [
    { name: 'ours', of: real, isPlanted: false },
    { name: 'planted', of: planted, isPlanted: true },
  ]) {
    const { equalBytes } = of
    const call = (given) => equalBytes(bytes, given)
    compare(
      `${name}: wrong in its first byte, in its last`,
      call,
      [() => wrongAt(0), () => wrongAt(8)],
      {
        ...{ calls: 2_000, samples: 4_000, isPlanted },
      },
    )
  }

  console.log('\nA whole refusal, ns:')
  const kinds = (of) => {
    const changed = (at) => () => {
      const token = Buffer.from(of.token, 'base64url')
      token[at] ^= 1
      return token.toString('base64url')
    }
    return {
      ...{ 'MAC wrong in its first byte': changed(27), 'MAC wrong in its last byte': changed(35) },
      'another random part': () => {
        const token = Buffer.from(of.token, 'base64url')
        randomBytes(24).copy(token, 3)
        return token.toString('base64url')
      },
      'all made up': () => randomBytes(36).toString('base64url'),
      'signed with a secret that was taken out': () => of.removed(),
    }
  }
  const whole = { calls: 60, samples: 12_000 }
  const [first, ...others] = Object.entries(kinds(real))
  for (const [name, make] of others) {
    compare(`ours: ${first[0]}, ${name}`, real.parse, [first[1], make], whole)
  }
  const made = kinds(planted)
  const pair = [made['MAC wrong in its first byte'], made['MAC wrong in its last byte']]
  compare('planted: MAC wrong in its first byte, in its last', planted.parse, pair, {
    ...{ ...whole, isPlanted: true },
  })

  console.log('\nNot the same by their nature, ns:')
  for (const [name, text_] of [
    ['too short: looked at no further', real.token.slice(1)],
    ['a character that no token has: looked at no further', `!${real.token.slice(1)}`],
    ['MAC wrong', made['MAC wrong in its first byte']()],
    ['MAC right, whether or not there is such a session: then Redis is asked', real.token],
  ]) {
    const times = Array.from({ length: 2_000 }, () => timeOf(real.parse, text_, whole.calls))
    console.log(`  ${name}: ${median(times).toFixed(0)}`)
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
process.exitCode = hasFailed ? 1 : 0

/** What reads a cookie's token, of the build in that folder. */
async function verifier(folder) {
  const load = (name) => import(pathToFileURL(join(folder, 'core', name)).href)
  const { equalBytes } = await load('crypto.js')
  const { createKeyring } = await load('keyring.js')
  const { createToken, parseToken } = await load('token.js')
  const keyring = createKeyring([randomBytes(32)])
  const gone = createKeyring([randomBytes(32)])
  return {
    equalBytes,
    token: createToken(keyring).text,
    removed: () => createToken(gone).text,
    parse: (text) => parseToken(keyring, text) !== undefined,
  }
}

function compare(title, call, [makeA, makeB], { calls, samples, isPlanted = false }) {
  // Many of each, so that nothing depends on where one of them lies in memory.
  const pools = [makeA, makeB].map((make) => Array.from({ length: 64 }, make))
  const one = (which) => timeOf(call, pools[which][randomInt(64)], calls)
  for (let i = 0; i < 500; i++) one(i % 2)
  const pairs = []
  for (let i = 0; i < samples; i++) {
    const isSwapped = randomInt(2) === 1
    const before = one(isSwapped ? 1 : 0)
    const after = one(isSwapped ? 0 : 1)
    pairs.push(isSwapped ? [after, before] : [before, after])
  }
  const differences = pairs.map(([a, b]) => b - a)
  const sizes = differences.map(Math.abs).sort((a, b) => a - b)
  const t = CROPS.map((part) => {
    const limit = sizes[Math.floor(part * (samples - 1))]
    return studentOf(differences.filter((each) => Math.abs(each) <= limit))
  }).reduce((most, each) => (Math.abs(each) > Math.abs(most) ? each : most))
  const [a, b] = [0, 1].map((which) => median(pairs.map((pair) => pair[which])))
  const isSeen = Math.abs(t) > LEAK
  hasFailed ||= isSeen !== isPlanted
  const said = isSeen === isPlanted ? '' : isPlanted ? ': NOT SEEN' : ': A LEAK'
  console.log(`  ${title}: ${a.toFixed(1)} and ${b.toFixed(1)}, t = ${t.toFixed(1)}${said}`)
}

/** Nanoseconds of one call. */
function timeOf(call, given, calls) {
  let taken = 0
  const started = process.hrtime.bigint()
  for (let n = 0; n < calls; n++) if (call(given)) taken++
  const time = Number(process.hrtime.bigint() - started) / calls
  if (taken !== 0 && taken !== calls) throw new Error('taken now and then')
  return time
}

function studentOf(all) {
  const mean = all.reduce((sum, each) => sum + each, 0) / all.length
  const variance = all.reduce((sum, each) => sum + (each - mean) ** 2, 0) / (all.length - 1)
  return variance === 0 ? 0 : mean / Math.sqrt(variance / all.length)
}

function median(all) {
  return all.toSorted((a, b) => a - b)[all.length >> 1]
}
