/** What is used of Next's own module, whose types come with the application's Next. */
declare module 'next/headers.js' {
  /** `CookieJar` of platform.ts; a module that is declared cannot name files beside it. */
  interface Jar {
    readonly set: (cookie: object) => unknown
    readonly delete: (name: string) => unknown
  }

  export function headers(): Promise<Headers>
  export function cookies(): Promise<Jar>
}
