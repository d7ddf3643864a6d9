// Whether the time of a refusal tells where a made-up cookie is wrong: `npm run bench:timing`. Welch's t-test on the times of two kinds
// in random turns, without the slowest tenth, as in dudect (Reparaz, Balasch, Verbauwhede 2017): |t| above 4.5 is a leak.
import { randomBytes, randomInt } from 'node:crypto'
import { checkOptions } from '../dist/core/options.js'
import { createToken, parseToken } from '../dist/core/token.js'

const SAMPLES = 40_000
const CALLS = 50
const LEAK = 4.5

const { keyring } = checkOptions({ secrets: [randomBytes(32), randomBytes(32)] }, false)
const real = Buffer.from(createToken(keyring).text, 'base64url')
const changed = (at) => {
  const bytes = Buffer.from(real)
  bytes[at] ^= 1
  return bytes.toString('base64url')
}
const kinds = {
  'MAC wrong in its first byte': () => changed(27),
  'MAC wrong in its last byte': () => changed(35),
  'another random part': () => changed(10),
  'all made up': () => randomBytes(36).toString('base64url'),
}
const names = Object.keys(kinds)
for (let i = 0; i < 50_000; i++) parseToken(keyring, kinds[names[i % names.length]]())

let isLeaking = false
for (const other of names.slice(1)) {
  const pair = [names[0], other]
  const times = [[], []]
  for (let i = 0; i < SAMPLES; i++) {
    const which = randomInt(2)
    const text = kinds[pair[which]]()
    const started = process.hrtime.bigint()
    for (let n = 0; n < CALLS; n++)
      if (parseToken(keyring, text) !== undefined) throw new Error('taken')
    times[which].push(Number(process.hrtime.bigint() - started) / CALLS)
  }
  const limit = [...times.flat()].sort((a, b) => a - b)[Math.floor(0.9 * SAMPLES)]
  const [a, b] = times.map((all) => all.filter((time) => time <= limit))
  const t = (mean(a) - mean(b)) / Math.sqrt(variance(a) / a.length + variance(b) / b.length)
  isLeaking ||= Math.abs(t) > LEAK
  console.log(
    `${pair[0]}, ${other}: ${mean(a).toFixed(0)} and ${mean(b).toFixed(0)} ns, t = ${t.toFixed(1)}${Math.abs(t) > LEAK ? ': A LEAK' : ''}`,
  )
}
process.exitCode = isLeaking ? 1 : 0

function mean(all) {
  return all.reduce((sum, each) => sum + each, 0) / all.length
}

function variance(all) {
  const middle = mean(all)
  return all.reduce((sum, each) => sum + (each - middle) ** 2, 0) / (all.length - 1)
}
