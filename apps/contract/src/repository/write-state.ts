import { canonicalJson } from '@hq-export/contract'
import type { ContractState } from '../records/contract-state.ts'
import { CONSUMERS_FOLDER, LOCK_FILE, LOCKS_FOLDER, RELEASES_FILE } from './contract-files.ts'
import type { WorkingTree } from './working-tree.ts'

/** Writes everything that is governed. */
export function writeState(tree: WorkingTree, state: ContractState): void {
  tree.write(LOCK_FILE, canonicalJson(state.lock))
  tree.write(RELEASES_FILE, canonicalJson(state.releases))
  for (const consumer of state.consumers) {
    tree.write(`${CONSUMERS_FOLDER}/${consumer.name}.json`, canonicalJson(consumer))
  }
  for (const [name, text] of Object.entries(state.frozen))
    tree.write(`${LOCKS_FOLDER}/${name}`, text)
}
