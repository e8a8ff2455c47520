import { withJson } from '@hq-export/runtime/cli/options.ts'
import { printJson } from '@hq-export/runtime/table.ts'
import type { Command } from 'commander'
import type pg from 'pg'
import type { IngestCommandLine } from '../../cli/command-line.ts'
import { transactAsWriter } from '../../db/transact-as-writer.ts'
import { loadDatabaseUrl } from '../../process/config.ts'
import { type Addition, lockKeys, MAX_LIVE_KEYS } from '../add-key.ts'
import type { KeyMaterial } from '../key-material.ts'
import type { ListedKey } from '../list-keys.ts'
import { printKeys } from './print-keys.ts'

/** Options of every command that changes something. */
export interface Common {
  readonly by?: string
  readonly json?: boolean
}

/** Runs one change of keys, alone, in one transaction. */
export function change<T>(
  { env }: IngestCommandLine,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  return transactAsWriter(loadDatabaseUrl(env), async (client) => {
    await lockKeys(client)
    return work(client)
  })
}

/** Says what is wrong, for exit status 1. */
export function wrong(
  { print, exitFailed }: IngestCommandLine,
  json: boolean | undefined,
  problem: string,
): void {
  print(json ? printJson({ problem }) : problem)
  exitFailed()
}

/** Why a key was not added, for the operator; undefined where it was. */
export function additionProblem(addition: Addition, source: string): string | undefined {
  switch (addition.kind) {
    case 'added':
      return undefined
    case 'too_many':
      return (
        `${source} has ${MAX_LIVE_KEYS} keys, the most that may work at once: ` +
        `${addition.ids.join(', ')}; revoke one, or wait until one has expired`
      )
    case 'known':
      return 'HQ knows this public key, perhaps as one that was revoked; a source needs a new one'
    default:
      return addition satisfies never
  }
}

/** The one time that a secret is shown. */
export function printNewKey(
  { print }: IngestCommandLine,
  material: KeyMaterial,
  listed: readonly ListedKey[],
  json: boolean | undefined,
): void {
  const secret = material.kind === 'hmac' ? { secret: material.secret } : {}
  if (json) {
    print(printJson({ id: material.id, ...secret, keys: listed }))
    return
  }
  print(printKeys(listed))
  print(`\ngateways believe key ${material.id} within 5 seconds, in its time`)
  if (material.kind === 'hmac') print(`the secret, shown this once:\n${material.secret}`)
}

/** Adds the options of {@link Common}. */
export function withCommon(command: Command): Command {
  return withJson(
    command.option('--by <name>', 'who does it, for the audit; the login role without'),
  )
}
