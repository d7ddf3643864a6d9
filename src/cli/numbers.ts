import { InvalidArgumentError } from 'commander'

const MOST = 999_999_999

/** For `argParser`: whole numbers from `least` on. 20000 and 20_000 */
export function wholeNumber(least: number, most: number = MOST): (text: string) => number {
  return (text) => {
    const number = /^\d[\d_]*$/.test(text) ? Number(text.replaceAll('_', '')) : -1
    if (number >= least && number <= most) return number
    const range = most === MOST ? `from ${least} on` : `from ${least} to ${most}`
    throw new InvalidArgumentError(`it takes a whole number ${range}.`)
  }
}

const UNITS: Readonly<Record<string, number>> = { mb: 2 ** 20, gb: 2 ** 30 }

/** 512mb, 16gb */
export function parseSize(text: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)\s*(mb|gb)$/i.exec(text) ?? []
  if (unit !== undefined) return Math.floor(Number(number) * (UNITS[unit.toLowerCase()] ?? 0))
  throw new InvalidArgumentError('it takes a size as 512mb or 16gb.')
}
