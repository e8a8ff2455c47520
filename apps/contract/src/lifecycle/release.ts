import { canonicalJson, sha256Of } from '@hq-export/contract'
import type { ContractState } from '../records/contract-state.ts'
import { isReleased, refuse, type Step } from './step.ts'

function partsOf(release: string): number[] {
  return release.split('.').map(Number)
}

/** Whether a release comes after another. */
function isLater(release: string, than: string): boolean {
  const [a, b] = [partsOf(release), partsOf(than)]
  const place = a.findIndex((part, index) => part !== b[index])
  return place !== -1 && (a[place] ?? 0) > (b[place] ?? 0)
}

/** The contract is released as it is: its lock is frozen, and windows count it. */
export function release(state: ContractState, id: string, today: string): Step {
  if (isReleased(state, id)) return refuse(`${id} has been released already`)
  const last = state.releases.at(-1)
  if (last !== undefined && !isLater(id, last.id)) return refuse(`${id} is not after ${last.id}`)
  if (last !== undefined && today < last.date) {
    return refuse(`${last.id} was released on ${last.date}, after ${today}`)
  }
  return {
    ok: true,
    state: {
      ...state,
      releases: [...state.releases, { id, date: today, lock_sha256: sha256Of(state.lock) }],
      frozen: { ...state.frozen, [`${id}.json`]: canonicalJson(state.lock) },
    },
  }
}
