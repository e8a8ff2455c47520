import type { ContractState } from '../records/contract-state.ts'
import { obstaclesTo } from '../rules/retirement.ts'
import { RULES } from '../rules/rules.ts'
import { refuse, type Step, withDataset } from './step.ts'

/**
 * A deprecated version ends, if nothing speaks against it: two releases, 30 days, its sunset, and
 * every consumer (contract, Governance).
 */
export function retire(state: ContractState, name: string, today: string): Step {
  const dataset = state.lock.datasets[name]
  if (dataset?.status !== 'deprecated') {
    return refuse(`${name} is ${dataset?.status ?? 'unknown'}; only a deprecated one is retired`)
  }
  const obstacles = obstaclesTo(name, dataset, state, today)
  if (obstacles.length > 0) {
    return refuse(
      ...obstacles.map(({ rule, before }) => `${rule}: ${RULES[rule].says} (${before})`),
    )
  }
  return withDataset(state, name, { ...dataset, status: 'retired', retired_on: today })
}
