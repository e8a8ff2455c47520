import { lifeOf } from '@hq-export/contract/lock/current-lock.ts'

/** Those of these datasets that HQ takes no more, a sentence each. */
export function retiredDatasets(datasets: readonly string[]): string[] {
  return datasets.flatMap((dataset) => {
    const { status, deprecation, retired_on: retiredOn } = lifeOf(dataset)
    if (status !== 'retired') return []
    const successors = deprecation?.successors.join(', ') ?? ''
    return [`${dataset} was retired on ${retiredOn}, and its place took ${successors}`]
  })
}
