import type { Dataset } from '@hq-export/contract'
import type pg from 'pg'
import type { Binding } from '../binding/binding-schema.ts'
import { UndecidedError } from './compare/undecided-error.ts'
import { prepareDataset } from './dataset/prepare-dataset.ts'
import { recheck } from './keys/recheck.ts'
import type { Suspect } from './keys/suspect.ts'
import { type OpenedSides, sidesOf, withKeySides } from './open-sides.ts'
import { unequalKeys } from './range/unequal-keys.ts'
import type { KeyComparison, KeyVerdict, ReconcileContext } from './reconcile-context.ts'
import { reasonOf } from './run-dataset.ts'

async function compare(
  { sides, binding }: OpenedSides,
  dataset: Dataset,
  keys: readonly string[],
): Promise<KeyVerdict[]> {
  const prepared = await prepareDataset(sides, binding, dataset)
  const isOfEntities = prepared.entities.size > 0
  const distinct = [...new Set(keys)]
  // The key of a snapshot is not known before its entity has been looked up.
  const unequal = new Set(isOfEntities ? distinct : await unequalKeys(prepared, distinct))
  const suspects = Array.from(
    unequal,
    (key): Suspect => ({ key: isOfEntities ? undefined : key, lookUp: key }),
  )
  const { differences, unsettled } = await recheck(prepared, suspects)
  const found = new Map(differences.map((difference) => [difference.lookUp, difference]))
  const open = new Set(unsettled.map(({ lookUp }) => lookUp))
  return distinct.map((key) => {
    const { finding = null } = found.get(key) ?? {}
    if (finding !== null) return { key, verdict: 'finding', finding }
    return { key, verdict: open.has(key) ? 'unknown' : 'equal', finding: null }
  })
}

async function unlessUndecided(comparing: Promise<KeyVerdict[]>): Promise<KeyComparison> {
  try {
    return { verdicts: await comparing, undecided: null }
  } catch (error) {
    if (!(error instanceof UndecidedError)) throw error
    return { verdicts: [], undecided: reasonOf(error) }
  }
}

/**
 * Compares single keys, and repairs nothing.
 * @param keys of the dataset; of snapshots their entities, `<org_id>/<entity_type>/<entity_id>`, of
 * which the current version is compared.
 * @throws as `reconcile`.
 */
export function compareKeys(
  context: ReconcileContext,
  dataset: Dataset,
  keys: readonly string[],
): Promise<KeyComparison> {
  return unlessUndecided(withKeySides(context, (opened) => compare(opened, dataset, keys)))
}

/**
 * The same on a session that the caller keeps: opening one costs as much as comparing a thousand
 * keys.
 * @param client a session of the relay's that sees all, idle.
 * @throws where the session is lost.
 */
export function compareKeysOn(
  client: pg.Client,
  binding: Binding,
  context: ReconcileContext,
  dataset: Dataset,
  keys: readonly string[],
): Promise<KeyComparison> {
  const comparing = sidesOf(client, context).then((sides) =>
    compare({ sides, binding }, dataset, keys),
  )
  return unlessUndecided(comparing)
}
