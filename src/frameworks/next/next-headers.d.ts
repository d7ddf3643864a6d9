/** What is used of Next's own module, whose types come with the application's Next. */
declare module 'next/headers.js' {
  export function headers(): Promise<Headers>
  export function cookies(): Promise<import('./platform.ts').CookieJar>
}
