declare module 'koa2' {
  import Koa from 'koa'
  export default Koa
}
declare module 'koa-compress' {
  import type { Middleware } from 'koa'

  const compress: (options?: { threshold?: number }) => Middleware
  export default compress
}
