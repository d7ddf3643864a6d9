import { InvalidArgumentError } from 'commander'

const UNITS: Readonly<Record<string, number>> = { mb: 2 ** 20, gb: 2 ** 30 }

/** 512mb, 16gb */
export function parseSize(text: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)\s*(mb|gb)$/i.exec(text) ?? []
  if (unit !== undefined) return Math.floor(Number(number) * (UNITS[unit.toLowerCase()] ?? 0))
  throw new InvalidArgumentError('it takes a size as 512mb or 16gb.')
}
