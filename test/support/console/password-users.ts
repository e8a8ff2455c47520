import { hashPassword } from '@hq-export/console/access/password.ts'

/** Of everybody in {@link consoleUsers}. */
export const CONSOLE_PASSWORD = 'correct horse battery staple'

const RIGHTS = {
  viewer: 'viewer',
  operator: 'operator',
  admin: 'admin',
  auditor: 'viewer+values',
} as const

/** CONSOLE_USERS with one of each role, and an auditor who sees values; cheap to sign in. */
export async function consoleUsers(): Promise<string> {
  const hash = await hashPassword(CONSOLE_PASSWORD, { logN: 4, r: 1, p: 1 })
  return Object.entries(RIGHTS)
    .map(([name, rights]) => `${name}:${rights}:${hash}`)
    .join(' ')
}
