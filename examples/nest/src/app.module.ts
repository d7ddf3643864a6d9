import { Module } from '@nestjs/common'
import { APP_GUARD } from '@nestjs/core'
import { SessionGuard, SojournModule } from 'sojourn/nest'
import { AccountController } from './account.controller.js'
import { CartController } from './cart.controller.js'
import { Settings, SettingsModule } from './settings.js'

@Module({
  imports: [
    SojournModule.forRootAsync({
      imports: [SettingsModule],
      inject: [Settings],
      useFactory: (settings: Settings) => ({
        redis: settings.redisUrl,
        secrets: [settings.sessionSecret],
      }),
    }),
  ],
  controllers: [AccountController, CartController],
  // Before all handlers but those that are @Public().
  providers: [{ provide: APP_GUARD, useClass: SessionGuard }],
})
export class AppModule {}
