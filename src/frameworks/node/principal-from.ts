/**
 * The principal that an application's option `principal` names.
 * @returns nothing for nobody: null, undefined or ''
 * @throws TypeError for what is neither text nor a number: no two principals may have one name by accident
 */
export function principalFrom(value: unknown): string | undefined {
  if (value === undefined || value === null || value === '') return undefined
  if (typeof value === 'string') return value
  if (typeof value === 'number' && Number.isFinite(value)) return String(value)
  throw new TypeError('option `principal`: takes a function that gives a string or a finite number')
}
