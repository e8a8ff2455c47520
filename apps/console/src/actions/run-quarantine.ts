import { LIMITS } from '@hq-export/contract'
import { discardSelected } from '@hq-export/hq-ingest/quarantine/discard-entries.ts'
import { type GroupedEntry, lockNextEntries } from '@hq-export/hq-ingest/quarantine/read-entries.ts'
import { replayLocked } from '@hq-export/hq-ingest/quarantine/replay-entries.ts'
import type pg from 'pg'
import type { ActionRecord, ItemOutcome } from './action.ts'
import { inSavepoint } from './in-savepoint.ts'
import { refusedSelectionSchema } from './refused-selection.ts'

/**
 * Entries of one transaction: few, because a gateway that writes one of their rows waits for its
 * end, and no longer than its own limit of a second.
 */
const PIECE = { limit: 100, maxBytes: LIMITS.maxDecodedBytes / 8 }

function nextEntries(client: pg.PoolClient, action: ActionRecord): Promise<GroupedEntry[]> {
  const selection = refusedSelectionSchema.parse(action.selection)
  return lockNextEntries(client, selection, action.position, action.through, PIECE)
}

function resolvingOf({ id, actor }: ActionRecord, ids: readonly string[]) {
  return { selection: { ids }, by: actor, operation: id }
}

async function replayTogether(
  client: pg.PoolClient,
  action: ActionRecord,
  entries: readonly GroupedEntry[],
): Promise<ItemOutcome[]> {
  const [first] = entries
  if (first === undefined) return []
  const ids = entries.map(({ id }) => id)
  const attempt = await inSavepoint(client, () =>
    replayLocked(client, resolvingOf(action, ids), first, entries),
  )
  if ('value' in attempt) {
    const { replayed, refused, notReplayable } = attempt.value
    return [
      ...replayed.map((item): ItemOutcome => ({ item, outcome: 'done', reason: null })),
      ...refused.map(
        ({ id: item, reason, detail }): ItemOutcome => ({
          ...{ item, outcome: 'failed', reason: `refused again, ${reason}: ${detail}` },
        }),
      ),
      ...notReplayable.map(
        ({ id: item, why: reason }): ItemOutcome => ({ item, outcome: 'failed', reason }),
      ),
    ]
  }
  if (entries.length === 1) return [{ item: first.id, outcome: 'failed', reason: attempt.why }]
  // One of them is at fault: each by itself, so that it stops no other.
  const outcomes: ItemOutcome[] = []
  for (const entry of entries) outcomes.push(...(await replayTogether(client, action, [entry])))
  return outcomes
}

const groupOf = ({ source, dataset, schemaVersion }: GroupedEntry): string =>
  JSON.stringify([source, dataset, schemaVersion])

/** Has HQ take the next rows of an action once more, under the rules of every batch. */
export async function replayEntries(
  client: pg.PoolClient,
  action: ActionRecord,
): Promise<ItemOutcome[]> {
  const entries = await nextEntries(client, action)
  const outcomes: ItemOutcome[] = []
  for (const group of Map.groupBy(entries, groupOf).values())
    outcomes.push(...(await replayTogether(client, action, group)))
  return outcomes.toSorted((a, b) => (BigInt(a.item) < BigInt(b.item) ? -1 : 1))
}

/** Gives the next entries of an action up. */
export async function discardEntries(
  client: pg.PoolClient,
  action: ActionRecord,
): Promise<ItemOutcome[]> {
  const entries = await nextEntries(client, action)
  const ids = entries.map(({ id }) => id)
  if (ids.length === 0) return []
  const note = action.reason ?? ''
  const discarded = new Set(await discardSelected(client, resolvingOf(action, ids), note))
  return ids.map((item) =>
    discarded.has(item)
      ? { item, outcome: 'done', reason: null }
      : { item, outcome: 'failed', reason: 'it was resolved before' },
  )
}
