import type { ContractState } from '../records/contract-state.ts'
import { isOpenReader } from '../rules/retirement.ts'
import { refuse, type Step } from './step.ts'

export interface AcknowledgeOptions {
  readonly consumer: string
  /** Who says so. */
  readonly by: string
  /** Where it can be seen. */
  readonly evidence: string
}

/** A consumer has moved off a deprecated version. */
export function acknowledge(
  state: ContractState,
  name: string,
  { consumer, by, evidence }: AcknowledgeOptions,
  today: string,
): Step {
  const dataset = state.lock.datasets[name]
  if (dataset?.status !== 'deprecated') {
    return refuse(`${name} is ${dataset?.status ?? 'unknown'}; only a deprecated one is left`)
  }
  const reader = state.consumers.find((each) => each.name === consumer)
  if (reader === undefined) return refuse(`there is no consumers/${consumer}.json; add it first`)
  if (!reader.reads.includes(name)) return refuse(`${consumer} does not read ${name}`)
  if (!isOpenReader(reader, name)) return refuse(`${consumer} has acknowledged ${name} already`)
  if (evidence.trim() === '' || by.trim() === '') {
    return refuse('say who says so, and where it can be seen')
  }
  const entry = { dataset: name, date: today, by, evidence }
  const consumers = state.consumers.map((each) =>
    each === reader ? { ...each, acknowledged: [...each.acknowledged, entry] } : each,
  )
  return { ok: true, state: { ...state, consumers } }
}
