import { withJson } from '@hq-export/runtime/cli/options.ts'
import { printJson } from '@hq-export/runtime/table.ts'
import type { Command } from 'commander'
import type { IngestCommandLine } from '../../cli/command-line.ts'
import { transactAsWriter } from '../../db/transact-as-writer.ts'
import { loadDatabaseUrl, loadMasterKeys } from '../../process/config.ts'
import { listKeys } from '../list-keys.ts'
import { reencryptKeys } from '../reencrypt-keys.ts'
import { revokeKey } from '../revoke-key.ts'
import { addAddCommand } from './add-command.ts'
import { type Common, change, withCommon, wrong } from './command-line.ts'
import { parseSource } from './parse-options.ts'
import { printKeys } from './print-keys.ts'
import { addRotateCommand } from './rotate-command.ts'

function addRevoke(parent: Command, commandLine: IngestCommandLine): void {
  const command = parent
    .command('revoke')
    .description('take a key back, at once and for good')
    .argument('<id>', 'as list shows it')
  withCommon(command).action(async (id: string, { by, json }: Common) => {
    const revocation = await change(commandLine, (client) => revokeKey(client, id, by))
    switch (revocation.kind) {
      case 'revoked': {
        const text = `revoked ${id}; gateways refuse it within 5 seconds`
        commandLine.print(json ? printJson(revocation.key) : text)
        return
      }
      case 'was_revoked':
        return wrong(commandLine, json, `${id} was revoked at ${revocation.key.revokedAt}`)
      case 'environment':
        return wrong(commandLine, json, `${id} stands in INGEST_KEYS of the gateway; take it out`)
      case 'unknown':
        return wrong(commandLine, json, `there is no key ${id}; list shows them`)
      default:
        return revocation satisfies never
    }
  })
}

function addList(parent: Command, commandLine: IngestCommandLine): void {
  withJson(
    parent
      .command('list')
      .description('every key with its state and last use; never a secret')
      .option('--source <name>', 'of this source', parseSource),
  ).action(async ({ source, json }: { source?: string; json?: boolean }) => {
    const keys = await transactAsWriter(loadDatabaseUrl(commandLine.env), (client) =>
      listKeys(client, source),
    )
    commandLine.print(json ? printJson(keys) : printKeys(keys))
  })
}

function addReencrypt(parent: Command, commandLine: IngestCommandLine): void {
  const command = parent
    .command('reencrypt')
    .description('seal every secret with INGEST_MASTER_KEY; opens with INGEST_MASTER_KEY_PREVIOUS')
  withCommon(command).action(async ({ by, json }: Common) => {
    const { env, print, exitFailed } = commandLine
    const masterKeys = loadMasterKeys(env)
    const result = await change(commandLine, (client) => reencryptKeys(client, masterKeys, by))
    const { sealed, unopened } = result
    if (json) print(printJson(result))
    else {
      print(`${sealed.length} sealed anew`)
      for (const id of unopened) print(`${id} cannot be opened with the master keys given`)
    }
    if (unopened.length > 0) exitFailed()
  })
}

/** Adds `keys add | list | rotate | revoke | reencrypt` to the program. */
export function addKeyCommands(program: Command, commandLine: IngestCommandLine): void {
  const parent = program.command('keys').description('keys that sources sign their batches with')
  addAddCommand(parent, commandLine)
  addList(parent, commandLine)
  addRotateCommand(parent, commandLine)
  addRevoke(parent, commandLine)
  addReencrypt(parent, commandLine)
}
