import type { Dataset } from '@hq-export/contract'
import { UndecidedError } from './compare/undecided-error.ts'
import { prepareDataset } from './dataset/prepare-dataset.ts'
import { recheck } from './keys/recheck.ts'
import type { Suspect } from './keys/suspect.ts'
import { withSides } from './open-sides.ts'
import type { KeyComparison, KeyVerdict, ReconcileContext } from './reconcile-context.ts'
import { reasonOf } from './run-dataset.ts'

/**
 * Compares single keys, and repairs nothing.
 * @param keys of the dataset; of snapshots their entities, `<org_id>/<entity_type>/<entity_id>`, of
 * which the current version is compared.
 * @throws as `reconcile`.
 */
export async function compareKeys(
  context: ReconcileContext,
  dataset: Dataset,
  keys: readonly string[],
): Promise<KeyComparison> {
  try {
    return await withSides(context, async ({ sides, binding }) => {
      const prepared = await prepareDataset(sides, binding, dataset)
      const isOfEntities = prepared.entities.size > 0
      const suspects = [...new Set(keys)].map(
        (key): Suspect => ({ key: isOfEntities ? undefined : key, lookUp: key }),
      )
      const { differences, unsettled } = await recheck(prepared, suspects)
      const found = new Map(differences.map((difference) => [difference.lookUp, difference]))
      const open = new Set(unsettled.map(({ lookUp }) => lookUp))
      const verdicts = suspects.map(({ lookUp }): KeyVerdict => {
        const { finding = null } = found.get(lookUp) ?? {}
        if (finding !== null) return { key: lookUp, verdict: 'finding', finding }
        return { key: lookUp, verdict: open.has(lookUp) ? 'unknown' : 'equal', finding: null }
      })
      return { verdicts, undecided: null }
    })
  } catch (error) {
    if (!(error instanceof UndecidedError)) throw error
    return { verdicts: [], undecided: reasonOf(error) }
  }
}
