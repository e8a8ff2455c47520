import { type Dataset, lockOf } from '@hq-export/contract'
import { artefactsOf, CONTRACT_DOCUMENT } from '../generate/artefacts.ts'
import { findStale } from '../generate/stale.ts'
import { CommitTree, findBase } from '../repository/git.ts'
import { readState, readWaivers } from '../repository/read-state.ts'
import type { WorkingTree } from '../repository/working-tree.ts'
import { type Before, judge } from '../rules/judge.ts'
import { type CheckResult, reported } from './check-result.ts'
import { locate } from './locate.ts'

export interface CheckInput {
  readonly tree: WorkingTree
  readonly datasets: readonly Dataset[]
  /** The gateway's description of itself; asked for last. */
  readonly readOpenApi: () => string
  /** As `2026-11-28`. */
  readonly today: string
  /** A ref to compare with, in place of the merge base with the main branch. */
  readonly against?: string
  /** Compare with frozen locks alone: there is no history here. */
  readonly isFrozenOnly?: boolean
}

function readBefore({ tree, against }: CheckInput): Before {
  const commit = findBase(tree.root, against)
  return { name: commit.slice(0, 12), state: readState(new CommitTree(tree.root, commit)) }
}

function describe(before: Before | undefined, frozen: number): string {
  const locks = `${frozen} frozen lock${frozen === 1 ? '' : 's'}`
  if (before === undefined) return `${locks} alone, without history`
  const lacks = Object.keys(before.state.lock.datasets).length === 0 ? ' (which has no lock)' : ''
  return `${before.name}${lacks} and ${locks}`
}

/**
 * Holds the descriptors against what was on the main branch and every frozen lock, and every
 * generated file against what is generated of them. A lock that was edited along with a descriptor
 * changes nothing: what counts is git's.
 * @throws {OperatorError} where what was before cannot be told, or a file is damaged.
 */
export function check(input: CheckInput): CheckResult {
  const { tree, datasets, readOpenApi, today } = input
  const committed = readState(tree)
  const lock = lockOf(datasets, committed.lock)
  const before = input.isFrozenOnly ? undefined : readBefore(input)
  const findings = judge({
    now: { ...committed, lock },
    ...(before !== undefined && { before }),
    waivers: readWaivers(tree),
    today,
  })
  const contractDocument = tree.read(CONTRACT_DOCUMENT) ?? ''
  const artefacts = artefactsOf({ datasets, lock, openApi: readOpenApi(), contractDocument })
  return {
    comparedWith: describe(before, Object.keys(committed.frozen).length),
    findings: findings.map((finding) => reported(finding, locate(finding, lock, tree))),
    stale: findStale(tree, artefacts),
  }
}
