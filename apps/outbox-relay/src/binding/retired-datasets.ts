import { retirementOf } from '@hq-export/contract/lock/current-lock.ts'

/** Those of these datasets that HQ takes no more, a sentence each. */
export function retiredDatasets(datasets: readonly string[]): string[] {
  return datasets.flatMap((dataset) => retirementOf(dataset) ?? [])
}
