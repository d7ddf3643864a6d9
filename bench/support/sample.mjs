import { readFileSync } from 'node:fs'

/** The data of every session that is measured: 356 bytes of JSON. */
export const sample = JSON.parse(
  readFileSync(new URL('../sample-session.json', import.meta.url), 'utf8'),
)

/** The sample with so many lines in its cart that it has `bytes` of JSON. */
export function sampleOf(bytes) {
  const data = structuredClone(sample)
  for (let i = 0; JSON.stringify(data).length < bytes; i++) {
    data.cart.push({ sku: `D-${(i * 7919) % 10_000}`, qty: 1 + (i % 9), price: (i * 613) % 5_000 })
  }
  return data
}
