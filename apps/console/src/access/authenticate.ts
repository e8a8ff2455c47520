import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { type Actor, isAtLeast } from './actor.ts'
import { isPassword } from './password.ts'
import type { User } from './users.ts'

/** How the console learns who asks. */
export type AccessMode =
  | { readonly kind: 'open' }
  | { readonly kind: 'users'; readonly users: readonly User[] }
  | {
      readonly kind: 'proxy'
      /** Header with the name, set by the proxy. */
      readonly userHeader: string
      /** Header with the groups, separated by commas. */
      readonly groupsHeader: string
      readonly groups: ReadonlyMap<string, Omit<Actor, 'name'>>
      /** What the proxy sends in `x-console-proxy-secret`. */
      readonly secret: string
    }

/** Who asks; or that they have to say so, or come too often. */
export type Authentication =
  | { readonly kind: 'actor'; readonly actor: Actor }
  | { readonly kind: 'unknown'; readonly reason: string }
  | { readonly kind: 'busy' }

export const PROXY_SECRET_HEADER = 'x-console-proxy-secret'

/** Passwords that are tried at the same time; each takes 64 MiB and a tenth of a second. */
const MAX_VERIFICATIONS = 2
const REMEMBER_MS = 10 * 60 * 1_000
const MAX_REMEMBERED = 100
/** Several headers of one name arrive as one with commas: somebody added one to the proxy's. */
const NAME_PATTERN = /^[^,\p{Cc}]{1,200}$/u

interface Credentials {
  readonly name: string
  readonly password: string
}

function decodeBasic(header: string): Credentials | undefined {
  const [, encoded] = /^basic ([\w+/]+=*)$/i.exec(header) ?? []
  if (encoded === undefined) return undefined
  const text = Buffer.from(encoded, 'base64').toString('utf8')
  const at = text.indexOf(':')
  return at === -1 ? undefined : { name: text.slice(0, at), password: text.slice(at + 1) }
}

function isEqual(one: string, other: string, key: Buffer): boolean {
  const digest = (text: string) => createHmac('sha256', key).update(text).digest()
  return timingSafeEqual(digest(one), digest(other))
}

/** Whom name and password belong to; an unknown name takes as long as a wrong password. */
async function findUser(
  { name, password }: Credentials,
  users: readonly User[],
): Promise<User | undefined> {
  const user = users.find((known) => known.name === name)
  const hash = (user ?? users[0])?.password
  return hash !== undefined && (await isPassword(password, hash)) ? user : undefined
}

/**
 * Finds out who asks, by one of three ways and without cookies: nobody is asked (on loopback, and
 * then nothing can be changed); a name and a password (RFC 7617); or a header of a proxy that has
 * asked already and proves itself by a secret.
 */
export class Authenticator {
  readonly #mode: AccessMode
  readonly #now: () => number
  /** Of this process: what is remembered is of no use elsewhere. */
  readonly #key = randomBytes(32)
  /** Headers that were found good, as their HMAC, and until when that counts. */
  readonly #good = new Map<string, { readonly user: User; readonly until: number }>()
  /** Headers that are tried at the moment, by their HMAC: ten tabs of one person are one. */
  readonly #trying = new Map<string, Promise<User | undefined>>()

  /** @param now milliseconds of a monotonic clock. */
  constructor(mode: AccessMode, now: () => number = () => performance.now()) {
    this.#mode = mode
    this.#now = now
  }

  /** Whether a name and a password are to be asked for. */
  get asksForPassword(): boolean {
    return this.#mode.kind === 'users'
  }

  /** @param header of the request, by its name in lower case. */
  async authenticate(header: (name: string) => string | undefined): Promise<Authentication> {
    const mode = this.#mode
    if (mode.kind === 'open') {
      return { kind: 'actor', actor: { name: undefined, role: 'viewer', seesValues: false } }
    }
    if (mode.kind === 'users') return this.#byPassword(header('authorization') ?? '', mode.users)
    if (!isEqual(header(PROXY_SECRET_HEADER) ?? '', mode.secret, this.#key))
      return { kind: 'unknown', reason: 'the request did not come through the proxy' }
    const name = header(mode.userHeader)
    if (name === undefined || !NAME_PATTERN.test(name))
      return { kind: 'unknown', reason: 'the proxy does not say who asks, by one name' }
    const rights = (header(mode.groupsHeader) ?? '')
      .split(',')
      .map((group) => mode.groups.get(group.trim()))
      .filter((found) => found !== undefined)
    const actor = rights.reduce<Actor>(
      (best, found) => ({
        name,
        role: isAtLeast(best, found.role) ? best.role : found.role,
        seesValues: best.seesValues || found.seesValues,
      }),
      { name, role: 'viewer', seesValues: false },
    )
    return { kind: 'actor', actor }
  }

  async #byPassword(header: string, users: readonly User[]): Promise<Authentication> {
    const given = decodeBasic(header)
    if (given === undefined) return { kind: 'unknown', reason: 'sign in with name and password' }
    const digest = createHmac('sha256', this.#key).update(header).digest('base64')
    const known = this.#good.get(digest)
    if (known !== undefined && known.until > this.#now()) return actorOf(known.user)
    this.#good.delete(digest)
    let trying = this.#trying.get(digest)
    if (trying === undefined) {
      if (this.#trying.size >= MAX_VERIFICATIONS) return { kind: 'busy' }
      trying = findUser(given, users).finally(() => this.#trying.delete(digest))
      this.#trying.set(digest, trying)
    }
    const user = await trying
    if (user === undefined) return { kind: 'unknown', reason: 'name or password is wrong' }
    this.#remember(digest, user)
    return actorOf(user)
  }

  #remember(digest: string, user: User): void {
    this.#good.delete(digest)
    const [oldest] = this.#good.keys()
    if (this.#good.size >= MAX_REMEMBERED && oldest !== undefined) this.#good.delete(oldest)
    this.#good.set(digest, { user, until: this.#now() + REMEMBER_MS })
  }
}

function actorOf({ name, role, seesValues }: User): Authentication {
  return { kind: 'actor', actor: { name, role, seesValues } }
}
