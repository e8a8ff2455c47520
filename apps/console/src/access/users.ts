import { type Actor, parseRights } from './actor.ts'
import { type PasswordHash, parsePasswordHash } from './password.ts'

/** Somebody who signs in by name and password. */
export interface User extends Actor {
  readonly name: string
  readonly password: PasswordHash
}

const NAME_PATTERN = /^[\w.@-]{1,64}$/

/**
 * Reads `name:role:hash` separated by commas or spaces, such as
 * `ada:operator+values:scrypt$16$8$2$...`.
 * @returns the users, and what is wrong with the others; never a hash.
 */
export function parseUsers(text: string): { users: User[]; problems: string[] } {
  const users: User[] = []
  const entries = text.split(/[,\s]+/).filter(Boolean)
  const problems: string[] = entries.length === 0 ? ['must name somebody'] : []
  for (const [index, entry] of entries.entries()) {
    const [name = '', role = '', ...rest] = entry.split(':')
    const rights = parseRights(role)
    const password = parsePasswordHash(rest.join(':'))
    const where = `entry ${index + 1}`
    if (!NAME_PATTERN.test(name)) problems.push(`${where} must begin with a name and a colon`)
    else if (rights === undefined)
      problems.push(`${where} must have a role: viewer, operator or admin, with +values if wanted`)
    else if (password === undefined)
      problems.push(`${where} must end with what "npm run console -- hash-password" prints`)
    else if (users.some((user) => user.name === name)) problems.push(`${where} names ${name} again`)
    else users.push({ name, ...rights, password })
  }
  return { users, problems }
}

/**
 * Reads which group of a proxy has which rights: `hq-ops=operator hq-admins=admin+values`.
 */
export function parseGroupRights(text: string): {
  groups: Map<string, Omit<Actor, 'name'>>
  problems: string[]
} {
  const groups = new Map<string, Omit<Actor, 'name'>>()
  const problems: string[] = []
  for (const [index, entry] of text
    .split(/[,\s]+/)
    .filter(Boolean)
    .entries()) {
    const at = entry.lastIndexOf('=')
    const rights = parseRights(entry.slice(at + 1))
    if (at < 1 || rights === undefined)
      problems.push(`entry ${index + 1} must be group=role, the role as in CONSOLE_USERS`)
    else groups.set(entry.slice(0, at), rights)
  }
  return { groups, problems }
}
