export {
  type LoginRequirement,
  Public,
  RequireLevel,
  RequireLogin,
  SessionGuard,
} from './guard.ts'
export {
  SojournModule,
  type SojournModuleAsyncOptions,
  type SojournModuleOptions,
} from './module.ts'
export { type NestSession, Session, type SessionData } from './session-decorator.ts'
export { InjectSessions, SESSIONS } from './sessions-token.ts'
