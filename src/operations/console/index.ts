export type { Authorized, Operator } from './access.ts'
export type * from './api.ts'
export { type ConsoleOptions, createConsole, type SessionConsole } from './console.ts'
