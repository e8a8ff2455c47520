import { lifeOf } from '@hq-export/contract/lock/current-lock.ts'
import type { Binding } from '../binding-schema.ts'

/** Datasets of a binding that HQ takes no more, a sentence each. */
export function retiredDatasets({ datasets }: Binding): string[] {
  return datasets.flatMap(({ dataset }) => {
    const { status, deprecation, retired_on: retiredOn } = lifeOf(dataset)
    if (status !== 'retired') return []
    const successors = deprecation?.successors.join(', ') ?? ''
    return [`${dataset} was retired on ${retiredOn}, and its place took ${successors}`]
  })
}
