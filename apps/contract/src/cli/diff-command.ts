import { type Lock, lockSchema } from '@hq-export/contract'
import { withJson } from '@hq-export/runtime/cli/options.ts'
import type { Program } from '@hq-export/runtime/cli/program.ts'
import { printJson } from '@hq-export/runtime/table.ts'
import type { Command } from 'commander'
import { type CheckResult, reported } from '../check/check-result.ts'
import { locate } from '../check/locate.ts'
import { reportText } from '../check/report-text.ts'
import { LOCKS_FOLDER } from '../repository/contract-files.ts'
import { CommitTree, findBase } from '../repository/git.ts'
import { readLock } from '../repository/read-state.ts'
import { applyWaivers } from '../rules/apply-waivers.ts'
import { compareLocks } from '../rules/compare-locks.ts'
import { compareLives } from '../rules/judge-life.ts'
import { exitAs } from './check-command.ts'
import type { Governed } from './governed.ts'

/** The lock of a release or a freeze, by the name of its file; of a commit otherwise. */
function readNamed({ tree }: Governed, name: string): Lock {
  const text = tree.read(`${LOCKS_FOLDER}/${name}.json`)
  if (text !== undefined) return lockSchema.parse(JSON.parse(text))
  return readLock(new CommitTree(tree.root, findBase(tree.root, name)))
}

/** `contract diff`. */
export function addDiff(command: Command, program: Program, governed: Governed): void {
  withJson(
    command
      .command('diff')
      .description('what changed between two locks; exit status 1 if it breaks')
      .argument('<before>', 'a release, such as 0.1.0, or a commit')
      .argument('<after>', 'likewise'),
  ).action((before: string, after: string, { json }: { json?: boolean }) => {
    const [old, now] = [readNamed(governed, before), readNamed(governed, after)]
    const findings = applyWaivers([...compareLocks(old, now), ...compareLives(old, now)], [], '')
    const result: CheckResult = {
      comparedWith: before,
      findings: findings.map((each) => reported(each, locate(each, now, governed.tree))),
      stale: [],
    }
    program.print(json ? printJson(result) : reportText(result))
    exitAs(program, result)
  })
}
