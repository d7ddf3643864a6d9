import { Injectable, Module } from '@nestjs/common'

@Injectable()
export class Settings {
  readonly redisUrl = process.env['REDIS_URL']
  readonly sessionSecret = process.env['SESSION_SECRET']
}

@Module({ providers: [Settings], exports: [Settings] })
export class SettingsModule {}
