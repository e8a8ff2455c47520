import { lockSchema } from '@hq-export/contract'
import type { ContractState } from '../records/contract-state.ts'
import type { Waiver } from '../records/waiver.ts'
import { applyWaivers, type Judged } from './apply-waivers.ts'
import { compareLocks } from './compare-locks.ts'
import { type Finding, fingerprintOf } from './finding.ts'
import { compareLives, judgeLives } from './judge-life.ts'
import { judgeLock } from './judge-lock.ts'
import { compareRecords, judgeReleases } from './judge-records.ts'

/** What was, and how it is called. */
export interface Before {
  readonly name: string
  readonly state: ContractState
}

export interface JudgeInput {
  readonly now: ContractState
  /** What the main branch has; absent where only frozen locks are asked. */
  readonly before?: Before
  readonly waivers: readonly Waiver[]
  /** As `2026-11-28`. */
  readonly today: string
}

function since(name: string, findings: readonly Finding[]): Finding[] {
  return findings.map((finding) => ({ ...finding, against: name }))
}

/** Every frozen lock holds: those of the working tree, and those that were there before. */
function compareFrozen({ now, before }: JudgeInput): Finding[] {
  return Object.entries({ ...now.frozen, ...before?.state.frozen }).flatMap(([name, text]) =>
    since(`locks/${name}`, compareLocks(lockSchema.parse(JSON.parse(text)), now.lock)),
  )
}

/**
 * All that is to be said of the working tree, each thing once: with what was on the main branch,
 * with every frozen lock, and by itself.
 */
export function judge(input: JudgeInput): Judged[] {
  const { now, before, waivers, today } = input
  const findings = [
    ...(before === undefined
      ? []
      : since(before.name, [
          ...compareLocks(before.state.lock, now.lock),
          ...compareLives(before.state.lock, now.lock),
          ...compareRecords(before.state, now),
        ])),
    ...compareFrozen(input),
    ...judgeLock(now.lock),
    ...judgeLives(now),
    ...judgeReleases(now),
  ]
  const once = new Map(findings.toReversed().map((finding) => [fingerprintOf(finding), finding]))
  return applyWaivers([...once.values()].toReversed(), waivers, today)
}
