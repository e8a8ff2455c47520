import { type Finding, fail, ok, warn } from '@hq-export/runtime/doctor/finding.ts'
import { isLive, listKeys } from '../../keys/list-keys.ts'
import { selectKeys } from '../../keys/select-keys.ts'
import { readStoredKey } from '../../keys/stored-key.ts'
import type { Check } from './finding.ts'

const DAY_MS = 86_400_000
/** A key that ends sooner than this while its source has no other. */
const WARN_DAYS = 14

const UNUSABLE = {
  no_master_key: 'was sealed with a master key that is not set here',
  not_authentic: 'was changed after it was sealed',
  malformed: 'is no key',
} as const

/** Somebody can sign, now and next week. */
export const keys: Check = {
  name: 'keys',
  async examine({ writer, keys: fromEnvironment, masterKeys, now }) {
    const client = await writer()
    const listed = (await listKeys(client)).filter(isLive)
    const rows = await selectKeys(client, now(), [])
    const findings: Finding[] = rows
      .filter(({ is_revoked: isRevoked }) => !isRevoked)
      .map((row) => readStoredKey(row, masterKeys))
      .filter((stored) => stored.kind === 'unusable')
      .map(({ id, source, reason }) =>
        fail(
          `key ${id} of ${source} cannot be used: it ${UNUSABLE[reason]}`,
          'set INGEST_MASTER_KEY or INGEST_MASTER_KEY_PREVIOUS to the key that sealed it, or add ' +
            'another: npm run ingest -- keys add',
        ),
      )
    if (listed.length + fromEnvironment.length === 0) {
      return fail(
        'there is no key: every batch is refused',
        'run: npm run ingest -- keys add, or set INGEST_KEYS',
      )
    }
    const soon = now() + WARN_DAYS * DAY_MS
    const lasting = new Set([
      ...fromEnvironment.map(({ source }) => source),
      ...listed
        .filter(({ notAfter }) => notAfter === null || Date.parse(notAfter) > soon)
        .map(({ source }) => source),
    ])
    for (const { id, source, notAfter } of listed) {
      if (lasting.has(source) || notAfter === null) continue
      findings.push(
        warn(
          `key ${id} of ${source} ends ${notAfter}, and the source has none that lasts longer`,
          'run: npm run ingest -- keys rotate',
        ),
      )
    }
    return findings.length > 0
      ? findings
      : ok(`${listed.length} in HQ, ${fromEnvironment.length} in the environment`)
  },
}
