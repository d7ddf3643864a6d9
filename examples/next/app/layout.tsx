import type { ReactNode } from 'react'
import { readSession } from '../lib/session'

export default async function Layout({ children }: { children: ReactNode }) {
  const session = await readSession()
  return (
    <html lang="en">
      <body>
        <header>{session.principal ?? 'nobody'}</header>
        {children}
      </body>
    </html>
  )
}
