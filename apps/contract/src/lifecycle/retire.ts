import type { ContractState } from '../records/contract-state.ts'
import { lastReadOf, type Readings } from '../records/readings.ts'
import { obstaclesTo } from '../rules/retirement.ts'
import { RULES } from '../rules/rules.ts'
import { refuse, type Step, withDataset } from './step.ts'

/**
 * A deprecated version ends, if nothing speaks against it: two releases, 30 days, its sunset, every
 * consumer, and what HQ says of its readers (contract, Governance).
 */
export function retire(
  state: ContractState,
  name: string,
  readings: Readings,
  today: string,
): Step {
  const dataset = state.lock.datasets[name]
  if (dataset?.status !== 'deprecated') {
    return refuse(`${name} is ${dataset?.status ?? 'unknown'}; only a deprecated one is retired`)
  }
  const looked = { ...dataset, last_read: lastReadOf(readings, name) }
  const obstacles = obstaclesTo(name, looked, state, today)
  if (obstacles.length > 0) {
    return refuse(
      ...obstacles.map(({ rule, before }) => `${rule}: ${RULES[rule].says} (${before})`),
    )
  }
  return withDataset(state, name, { ...looked, status: 'retired', retired_on: today })
}
