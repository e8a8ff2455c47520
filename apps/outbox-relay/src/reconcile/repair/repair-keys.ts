import type { Dataset, Finding, RepairState } from '@hq-export/contract'
import { transact } from '@hq-export/runtime/postgres/transact.ts'
import type pg from 'pg'
import { raiseVersionBase } from '../../dead-letter/raise-version-base.ts'
import { NotReplayableError } from '../../reexport/not-replayable-error.ts'
import { noteKey } from '../../reexport/note-key.ts'
import { readVersion } from '../../reexport/read-source-row.ts'
import { DEADLOCK_DETECTED, hasSqlstate, LOCK_NOT_AVAILABLE } from '../../session/sqlstate.ts'

/** A difference, and what would be sent to mend it. */
export interface Repairable {
  readonly finding: Finding
  /** What is sent: the key itself, or of a snapshot its entity, whose row takes it along. */
  readonly dataset: Dataset
  readonly key: string
}

/** What may be done about a difference, by its class. */
export function repairOf(
  { class: found }: Pick<Finding, 'class'>,
  { versionColumn }: Pick<Dataset, 'versionColumn'>,
): 'send' | 'raise' | 'nothing' {
  switch (found) {
    case 'missing':
    case 'stale':
      return 'send'
    case 'different':
      // HQ replaces a row only by a higher version of it, and one that has none never.
      return versionColumn === undefined ? 'nothing' : 'raise'
    case 'ahead':
    case 'extra':
    case 'foreign':
    case 'refused':
      return 'nothing'
    default:
      return found satisfies never
  }
}

/** Keys of one transaction. */
const CHUNK_KEYS = 500

// A writer that holds a key for longer is not waited for.
const BOUND_WAIT = /* sql */ `set local lock_timeout = '1s'`

/** In one transaction, all of it or none; `failed` where a key is in use, for the next run. */
async function send(client: pg.ClientBase, work: () => Promise<void>): Promise<RepairState> {
  try {
    await transact(client, async () => {
      await client.query(BOUND_WAIT)
      await work()
    })
    return 'sent'
  } catch (error) {
    if (error instanceof NotReplayableError) return 'not_repairable'
    if (hasSqlstate(error, LOCK_NOT_AVAILABLE, DEADLOCK_DETECTED)) return 'failed'
    throw error
  }
}

function note(client: pg.ClientBase, { dataset, key }: Repairable): Promise<void> {
  const noted = { key, reason: 'reconciliation', traceparent: null, letter: null } as const
  return noteKey(client, dataset, noted)
}

/** Has the loop send keys as their views have them then. */
function sendChunk(client: pg.ClientBase, repairs: readonly Repairable[]): Promise<RepairState> {
  return send(client, async () => {
    for (const repair of repairs) await note(client, repair)
  })
}

/** Has the loop send a key above the version that HQ holds with other content. */
function raiseOne(client: pg.ClientBase, repair: Repairable): Promise<RepairState> {
  const { dataset, key, finding } = repair
  const conflict = BigInt(finding.hq_version ?? 0)
  return send(client, async () => {
    const version = await readVersion(client, dataset, key)
    // Gone: its delete is on its way. Above: a newer version is.
    if (version === undefined || version > conflict) return
    await raiseVersionBase(client, { dataset, key }, version, conflict)
    await note(client, repair)
  })
}

/**
 * Sends keys to HQ once more, the ordinary way: the relay's loop reads each row when it sends it.
 * Nothing is written to HQ here, and nothing deleted.
 * @returns what became of each, in their order.
 */
export async function repairKeys(
  client: pg.ClientBase,
  repairs: readonly Repairable[],
): Promise<ReadonlyMap<Finding, RepairState>> {
  const states = new Map<Finding, RepairState>()
  const kindOf = ({ finding, dataset }: Repairable) => repairOf(finding, dataset)
  // Two reconciliations that note the same keys do so in one order.
  const sends = repairs
    .filter((repair) => kindOf(repair) === 'send')
    .toSorted((a, b) => (a.key < b.key ? -1 : 1))
  for (let at = 0; at < sends.length; at += CHUNK_KEYS) {
    const chunk = sends.slice(at, at + CHUNK_KEYS)
    const state = await sendChunk(client, chunk)
    for (const { finding } of chunk) states.set(finding, state)
  }
  for (const repair of repairs.filter((candidate) => kindOf(candidate) === 'raise'))
    states.set(repair.finding, await raiseOne(client, repair))
  return states
}
