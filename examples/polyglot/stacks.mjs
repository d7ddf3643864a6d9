// Starts the three applications, each as one would deploy it behind a proxy that ends TLS.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { startSite } from '../harness/site.mjs'

const at = (path) => fileURLToPath(new URL(path, import.meta.url))

/**
 * @param tools what builds say: `{ django: { python }, spring: { java } }`
 * @param scratch a folder for the database of Django's users
 */
export function stacksWith(tools, scratch) {
  const django = { DATABASE: `${scratch}/people.sqlite3` }
  const inDjango = { cwd: at('django'), stdio: ['ignore', 'inherit', 'inherit'] }
  let hasPeople = false
  return {
    express: (env) => startSite([process.execPath, 'app.mjs'], env, at('express')),
    django: async (env) => {
      const all = { ...django, ...env }
      if (!hasPeople) {
        const made = spawnSync(tools.django.python, ['people.py'], {
          ...inDjango,
          env: { ...process.env, ...all },
        })
        if (made.status !== 0) throw new Error('people.py has failed')
        hasPeople = true
      }
      const command = ['manage.py', 'runserver', '127.0.0.1:PORT', '--noreload', '--verbosity=0']
      return startSite([tools.django.python, ...command], all, at('django'))
    },
    spring: (env) => {
      // Quick to start, on a machine that runs all three.
      const command = ['-XX:TieredStopAtLevel=1', '-Xmx256m', '-jar', 'target/shop-1.jar']
      return startSite([tools.spring.java, ...command], env, at('spring'))
    },
  }
}
