import { type LockedDataset, sealDataset } from '@hq-export/contract'
import type { ContractState } from '../records/contract-state.ts'

/** What a command of the life cycle comes to: the state after it, or why it may not be. */
export type Step =
  | { readonly ok: true; readonly state: ContractState }
  | { readonly ok: false; readonly why: readonly string[] }

export function refuse(...why: readonly string[]): Step {
  return { ok: false, why }
}

/** The state with a dataset version whose life has gone on. */
export function withDataset(
  state: ContractState,
  name: string,
  changed: LockedDataset,
): { readonly ok: true; readonly state: ContractState } {
  const datasets = { ...state.lock.datasets, [name]: sealDataset(changed) }
  return { ok: true, state: { ...state, lock: { ...state.lock, datasets } } }
}

/** Whether a release has been made already. */
export function isReleased({ releases }: ContractState, release: string): boolean {
  return releases.some(({ id }) => id === release)
}
