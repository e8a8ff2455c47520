import { randomBytes, scryptSync } from 'node:crypto'
import { freePort } from '@hq-export/embedded-postgres/free-port.ts'
import type { AppContext } from './app-context.ts'
import { CONSOLE_SCRIPT } from './app-scripts.ts'
import { startListening } from './start-listening.ts'

/** Default of the console; another free port is taken where it is in use. */
const CONSOLE_PORT = 8083
const START_ATTEMPTS = 3
const USER = 'demo'
const PASSWORD_BYTES = 15
const SALT_BYTES = 16
const HASH_BYTES = 32
/** Cheap, for nobody guesses a random password. */
const COST = { logN: 10, r: 8, p: 1 } as const

/** Where the console can be reached, and as whom. */
export interface ConsoleAccess {
  readonly url: string
  readonly user: string
  readonly password: string
}

/** A password as `npm run console -- hash-password` prints it. */
function hashOf(password: string): string {
  const { logN, r, p } = COST
  const salt = randomBytes(SALT_BYTES)
  const hash = scryptSync(password, salt, HASH_BYTES, { N: 2 ** logN, r, p })
  return ['scrypt', logN, r, p, salt.toString('base64url'), hash.toString('base64url')].join('$')
}

/**
 * Starts the console on the port that an operator expects, or on a free one, with somebody who may
 * look at values and act. It ends with `stack`.
 * @returns undefined where the demo was stopped meanwhile.
 */
export async function startConsole(
  context: AppContext,
  dxUrl: string,
  hqUrl: string,
  stack: AsyncDisposableStack,
): Promise<ConsoleAccess | undefined> {
  const { stopping } = context
  const password = randomBytes(PASSWORD_BYTES).toString('base64url')
  for (let attempt = 1; attempt <= START_ATTEMPTS && !stopping.aborted; attempt++) {
    const settings = {
      // It takes the types out of what browsers get, which Node still calls experimental.
      NODE_OPTIONS:
        `${context.env.NODE_OPTIONS ?? ''} --disable-warning=ExperimentalWarning`.trim(),
      DX_DATABASE_URL: dxUrl,
      HQ_DATABASE_URL: hqUrl,
      CONSOLE_HOST: '127.0.0.1',
      CONSOLE_PORT: String(await freePort(attempt === 1 ? CONSOLE_PORT : undefined)),
      CONSOLE_ENVIRONMENT: 'demo',
      CONSOLE_USERS: `${USER}:operator+values:${hashOf(password)}`,
    }
    const app = { name: 'console', script: CONSOLE_SCRIPT, settings }
    const url = await startListening(context, app, stack)
    if (url !== undefined) return { url, user: USER, password }
  }
  if (stopping.aborted) return undefined
  throw new Error(`the console found its port taken, ${START_ATTEMPTS} times`)
}
