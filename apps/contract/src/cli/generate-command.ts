import { type Lock, lockOf } from '@hq-export/contract'
import type { Program } from '@hq-export/runtime/cli/program.ts'
import type { Command } from 'commander'
import { type Artefact, artefactsOf, CONTRACT_DOCUMENT } from '../generate/artefacts.ts'
import { findStale, type Stale, writeArtefacts } from '../generate/stale.ts'
import { readLock } from '../repository/read-state.ts'
import type { Governed } from './governed.ts'

/** What is generated, if the lives of versions are as this lock has them. */
function artefactsFor({ tree, datasets, readOpenApi }: Governed, previous: Lock): Artefact[] {
  return artefactsOf({
    datasets,
    lock: lockOf(datasets, previous),
    openApi: readOpenApi(),
    contractDocument: tree.read(CONTRACT_DOCUMENT) ?? '',
  })
}

/** Brings every generated file up to date with the descriptors and the lock that lies there. */
export function regenerate(governed: Governed): Stale[] {
  return writeArtefacts(governed.tree, artefactsFor(governed, readLock(governed.tree)))
}

/** `contract generate`. */
export function addGenerate(command: Command, program: Program, governed: Governed): void {
  command
    .command('generate')
    .description('lock, JSON Schema, OpenAPI, ODCS, tables, checksums, check of HQ')
    .option('--check', 'only say what is stale: exit status 2')
    .action(({ check }: { check?: boolean }) => {
      const stale = check
        ? findStale(governed.tree, artefactsFor(governed, readLock(governed.tree)))
        : regenerate(governed)
      const word = check ? 'stale' : 'written'
      program.print(
        stale.length === 0
          ? 'up to date'
          : stale.map(({ path, why }) => `${word} ${path}: ${why}`).join('\n'),
      )
      if (check && stale.length > 0) program.exitUnknown()
    })
}
