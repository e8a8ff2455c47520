import {
  KeyFormatError,
  keyIdOf,
  parseVerificationKey,
  SOURCE_PATTERN,
  UUID_PATTERN,
  type VerificationKey,
} from '@hq-export/contract'

/** A key that may sign batches of one source. */
export interface IngestKey {
  /**
   * Names the key in the ledger and in logs: the start of its SHA-256, which tells nothing about
   * it.
   */
  readonly id: string
  readonly source: string
  readonly key: VerificationKey
  /** Orgs it may write, in lower case; undefined for every org. */
  readonly orgs: ReadonlySet<string> | undefined
  /** Datasets it may write, the heartbeat always; undefined for every dataset. */
  readonly datasets?: ReadonlySet<string> | undefined
  readonly quota?: KeyQuota
  /** Believed from then on, milliseconds since the epoch; undefined for always. */
  readonly notBeforeMs?: number
  /** Believed until then, milliseconds since the epoch; undefined for always. */
  readonly notAfterMs?: number
}

/** What a key may send per minute; without a member there is no limit of its kind. */
export interface KeyQuota {
  readonly requestsPerMinute?: number
  /** Bytes of bodies as sent. */
  readonly bytesPerMinute?: number
}

function parseOrgs(options: readonly string[]): ReadonlySet<string> | undefined {
  const [option, ...rest] = options
  if (option === undefined) return undefined
  if (rest.length > 0 || !option.startsWith('orgs=')) {
    throw new KeyFormatError('may be followed by ;orgs=uuid,uuid and by nothing else')
  }
  const orgs = option.slice('orgs='.length).split(',')
  if (!orgs.every((org) => UUID_PATTERN.test(org))) {
    throw new KeyFormatError('must list uuids after ;orgs=')
  }
  return new Set(orgs.map((org) => org.toLowerCase()))
}

/**
 * Reads one key of `INGEST_KEYS`: `source=whsec_...[;orgs=uuid,uuid]`, or `whpk_...` for ed25519.
 * @throws {KeyFormatError} naming the rule, never the key.
 */
export function parseIngestKey(text: string): IngestKey {
  const separator = text.indexOf('=')
  const source = text.slice(0, Math.max(separator, 0))
  if (!SOURCE_PATTERN.test(source)) {
    throw new KeyFormatError('must begin with a source name and =')
  }
  const [secret = '', ...options] = text.slice(separator + 1).split(';')
  return Object.freeze({
    id: keyIdOf(secret),
    source,
    key: parseVerificationKey(secret),
    orgs: parseOrgs(options),
  })
}

/**
 * Reads all of `INGEST_KEYS`, space separated; every problem at once, by position, never with the
 * key.
 */
export function parseIngestKeys(text: string): {
  readonly keys: readonly IngestKey[]
  readonly problems: readonly string[]
} {
  const keys: IngestKey[] = []
  const problems: string[] = []
  const owners = new Map<string, string>()
  for (const [position, entry] of text.split(/\s+/).entries()) {
    try {
      const key = parseIngestKey(entry)
      const owner = owners.get(key.id)
      // The key decides whose batch it is, so it cannot belong to two sources, nor hold two sets of
      // orgs.
      if (owner !== undefined) throw new KeyFormatError(`repeats a key of ${owner}`)
      owners.set(key.id, key.source)
      keys.push(key)
    } catch (error) {
      if (!(error instanceof KeyFormatError)) throw error
      problems.push(`key ${position + 1} ${error.message}`)
    }
  }
  return { keys, problems }
}
