import { canonicalJson, EMPTY_LOCK } from '@hq-export/contract'
import type { ContractState } from '../records/contract-state.ts'
import { isReleased, refuse, type Step, withDataset } from './step.ts'

/**
 * A draft becomes active: from now on it only grows. Its lock is kept in `locks/`, so that every
 * later state is held against it.
 * @param release the coming release, which it is published with.
 */
export function freeze(state: ContractState, name: string, release: string): Step {
  const dataset = state.lock.datasets[name]
  if (dataset === undefined) return refuse(`the lock has no ${name}; run: contract generate`)
  if (dataset.status !== 'draft') return refuse(`${name} is ${dataset.status}, and no draft`)
  if (isReleased(state, release)) return refuse(`${release} is released; name the coming one`)
  const frozen = withDataset(state, name, { ...dataset, status: 'active', frozen_in: release })
  const datasets = { [name]: frozen.state.lock.datasets[name] }
  const text = canonicalJson({ ...EMPTY_LOCK, datasets })
  return {
    ok: true,
    state: { ...frozen.state, frozen: { ...state.frozen, [`${name}.json`]: text } },
  }
}
