import type { Lock } from '@hq-export/contract'
import { compareDatasets } from './compare-datasets.ts'
import type { Finding } from './finding.ts'

/**
 * What has changed between two locks in versions that were published: a draft may still change, and
 * a retired version has no readers any more.
 */
export function compareLocks(before: Lock, after: Lock): Finding[] {
  return Object.entries(before.datasets).flatMap(([subject, old]): Finding[] => {
    if (old.status === 'draft') return []
    const now = after.datasets[subject]
    if (now !== undefined) return now.status === 'retired' ? [] : compareDatasets(subject, old, now)
    const rule = old.status === 'deprecated' ? 'DUAL_PUBLISH_REQUIRED' : 'DATASET_NO_DELETE'
    return [{ rule, subject, member: '', before: old.status, after: null }]
  })
}
