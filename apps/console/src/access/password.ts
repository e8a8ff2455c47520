import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto'

/** A password as the settings hold it: `scrypt$<log2 N>$<r>$<p>$<salt>$<hash>`, base64url. */
export interface PasswordHash {
  readonly logN: number
  readonly r: number
  readonly p: number
  readonly salt: Buffer
  readonly hash: Buffer
}

/** OWASP's recommendation for scrypt: 64 MiB, about a tenth of a second. */
const DEFAULTS = { logN: 16, r: 8, p: 2 } as const
const SALT_BYTES = 16
const HASH_BYTES = 32
const PATTERN = /^scrypt\$(\d{1,2})\$(\d{1,2})\$(\d{1,2})\$([\w-]{16,})\$([\w-]{43})$/
/** A setting that costs more is a mistake. */
const MAX_LOG_N = 20

function derive(password: string, { logN, r, p, salt }: Omit<PasswordHash, 'hash'>) {
  const N = 2 ** logN
  const options: ScryptOptions = { N, r, p, maxmem: 256 * N * r }
  return new Promise<Buffer>((resolve, reject) => {
    scrypt(password.normalize('NFC'), salt, HASH_BYTES, options, (error, key) =>
      error === null ? resolve(key) : reject(error),
    )
  })
}

/** @returns undefined where `text` is no hash of a password. */
export function parsePasswordHash(text: string): PasswordHash | undefined {
  const [, logN, r, p, salt = '', hash = ''] = PATTERN.exec(text) ?? []
  const parsed = {
    ...{ logN: Number(logN), r: Number(r), p: Number(p) },
    ...{ salt: Buffer.from(salt, 'base64url'), hash: Buffer.from(hash, 'base64url') },
  }
  const isUsable = parsed.logN >= 1 && parsed.logN <= MAX_LOG_N && parsed.r >= 1 && parsed.p >= 1
  return isUsable && parsed.hash.length === HASH_BYTES ? parsed : undefined
}

/** A new hash of `password`, as the settings hold it. */
export async function hashPassword(
  password: string,
  cost: Partial<Record<keyof typeof DEFAULTS, number>> = {},
): Promise<string> {
  const { logN, r, p } = { ...DEFAULTS, ...cost }
  const salt = randomBytes(SALT_BYTES)
  const hash = await derive(password, { logN, r, p, salt })
  return ['scrypt', logN, r, p, salt.toString('base64url'), hash.toString('base64url')].join('$')
}

/** Whether `password` is the one that was hashed; takes as long for a wrong one. */
export async function isPassword(password: string, known: PasswordHash): Promise<boolean> {
  return timingSafeEqual(await derive(password, known), known.hash)
}
