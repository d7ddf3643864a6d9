import { Controller, Get, Param, Post } from '@nestjs/common'
import { Public, Session } from 'sojourn/nest'
import type { NestSession } from './session-data.js'

@Public()
@Controller('cart')
export class CartController {
  @Get()
  show(@Session('cart') cart: string[] | undefined): string[] {
    return cart ?? []
  }

  @Post(':sku')
  async add(@Session() session: NestSession, @Param('sku') sku: string): Promise<string[]> {
    // Atomic: of parallel requests none is lost.
    return [...(await session.update('cart', (cart = []) => [...cart, sku]))]
  }
}
