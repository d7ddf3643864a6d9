import { Body, Controller, Get, HttpCode, Post } from '@nestjs/common'
import type { Sessions } from 'sojourn'
import { InjectSessions, Public, RequireLevel, Session } from 'sojourn/nest'
import type { NestSession, SessionData } from './session-data.js'

@Controller('account')
export class AccountController {
  constructor(@InjectSessions() private readonly sessions: Sessions<SessionData>) {}

  @Public()
  @Post('login')
  @HttpCode(204)
  async login(@Session() session: NestSession, @Body() body: { user: string }): Promise<void> {
    // … check the password first
    await session.login(body.user, { keep: ['cart'], level: 1 })
  }

  @Get()
  who(@Session() session: NestSession): { user: string | undefined } {
    return { user: session.principal }
  }

  @Post('second-factor')
  @HttpCode(204)
  async secondFactor(@Session() session: NestSession): Promise<void> {
    // … check the code first
    await session.stepUp(2)
  }

  @RequireLevel(2, { within: '5m', fresh: true })
  @Get('devices')
  async devices(@Session() session: NestSession): Promise<{ count: number }> {
    return { count: await this.sessions.of(session).count() }
  }

  @Post('logout')
  @HttpCode(204)
  async logout(@Session() session: NestSession): Promise<void> {
    await session.logout()
  }

  @Post('logout-everywhere')
  @HttpCode(204)
  async logoutEverywhere(@Session() session: NestSession): Promise<void> {
    await this.sessions.of(session).revokeAll()
    await session.logout() // and the cookie goes
  }
}
