import { lockOf } from '@hq-export/contract'
import type { Program } from '@hq-export/runtime/cli/program.ts'
import type { Command } from 'commander'
import { type AcknowledgeOptions, acknowledge } from '../lifecycle/acknowledge.ts'
import { type DeprecateOptions, deprecate } from '../lifecycle/deprecate.ts'
import { freeze } from '../lifecycle/freeze.ts'
import { release } from '../lifecycle/release.ts'
import { retire } from '../lifecycle/retire.ts'
import type { Step } from '../lifecycle/step.ts'
import type { ContractState } from '../records/contract-state.ts'
import type { Readings } from '../records/readings.ts'
import { readState } from '../repository/read-state.ts'
import { writeState } from '../repository/write-state.ts'
import { regenerate } from './generate-command.ts'
import type { Governed } from './governed.ts'
import { parseDay, parseRelease, readReadings, withAsOf } from './options.ts'

interface AsOf {
  readonly asOf?: string
}

function collect(text: string, all: readonly string[] = []): string[] {
  return [...all, text]
}

/** `contract freeze`, `deprecate`, `acknowledge`, `retire` and `release`. */
export function addLifeCommands(command: Command, program: Program, governed: Governed): void {
  const { tree, datasets, today } = governed

  function take(what: string, step: (state: ContractState) => Step): void {
    const committed = readState(tree)
    const result = step({ ...committed, lock: lockOf(datasets, committed.lock) })
    if (!result.ok) {
      program.print(result.why.map((why) => `refused: ${why}`).join('\n'))
      program.exitForbidden()
      return
    }
    writeState(tree, result.state)
    regenerate(governed)
    program.print(`${what}; commit what has changed in packages/contract and docs`)
  }

  const verb = (name: string, description: string) =>
    withAsOf(command.command(name).description(description))
  const ofDataset = (name: string, description: string) =>
    verb(name, description).argument('<dataset>', 'as list shows it')

  ofDataset('freeze', 'a draft becomes active: from now on it only grows')
    .requiredOption('--release <id>', 'the coming release', parseRelease)
    .action((name: string, { release: id }: { release: string }) =>
      take(`${name} is frozen`, (state) => freeze(state, name, id)),
    )

  ofDataset('deprecate', 'say that a version ends, and when; again: move the sunset later')
    .requiredOption('--successor <dataset...>', 'what takes its place', collect)
    .requiredOption('--release <id>', 'the coming release, which says so', parseRelease)
    .requiredOption('--sunset <day>', 'it is served until this day at least', parseDay)
    .action((name: string, { asOf, ...options }: DeprecateOptions & AsOf) =>
      take(`${name} is deprecated`, (state) => deprecate(state, name, options, asOf ?? today())),
    )

  ofDataset('acknowledge', 'a consumer has moved off a deprecated version')
    .requiredOption('--consumer <name>', 'of consumers/<name>.json')
    .requiredOption('--by <who>', 'who says so')
    .requiredOption('--evidence <where>', 'where it can be seen')
    .action((name: string, { asOf, ...options }: AcknowledgeOptions & AsOf) =>
      take(`${options.consumer} has left ${name}`, (state) =>
        acknowledge(state, name, options, asOf ?? today()),
      ),
    )

  ofDataset('retire', 'end a deprecated version, if nothing speaks against it')
    .requiredOption('--readers <file>', 'what ingest -- readers --json printed', readReadings)
    .action((name: string, { readers, asOf }: { readers: Readings } & AsOf) =>
      take(`${name} is retired`, (state) => retire(state, name, readers, asOf ?? today())),
    )

  verb('release', 'the contract is released as it is: its lock is frozen')
    .argument('<id>', 'such as 0.2.0', parseRelease)
    .action((id: string, { asOf }: AsOf) =>
      take(`${id} is released`, (state) => release(state, id, asOf ?? today())),
    )
}
