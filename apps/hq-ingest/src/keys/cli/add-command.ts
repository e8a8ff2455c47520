import { parseInstant } from '@hq-export/runtime/cli/options.ts'
import { OperatorError } from '@hq-export/runtime/operator-error.ts'
import { type Command, Option } from 'commander'
import type { IngestCommandLine } from '../../cli/command-line.ts'
import { loadMasterKeys } from '../../process/config.ts'
import { addKey, type KeyTerms } from '../add-key.ts'
import { createHmacMaterial, type KeyMaterial } from '../key-material.ts'
import { listKeys } from '../list-keys.ts'
import {
  additionProblem,
  type Common,
  change,
  printNewKey,
  withCommon,
  wrong,
} from './command-line.ts'
import {
  parseBytes,
  parseDatasets,
  parseOrgs,
  parseRequests,
  parseSource,
  takePublicKey,
} from './parse-options.ts'

type AddOptions = Common & {
  readonly source: string
  readonly kind: KeyMaterial['kind']
  readonly publicKey?: string
} & { readonly [Name in Exclude<keyof KeyTerms, 'source'>]?: NonNullable<KeyTerms[Name]> }

/** Adds `keys add` to the commands. */
export function addAddCommand(parent: Command, commandLine: IngestCommandLine): void {
  const command = parent
    .command('add')
    .description('add a key of a source; prints its secret, once')
    .requiredOption('--source <name>', 'whose batches it signs', parseSource)
    .option(
      '--orgs <uuids>',
      'orgs it may write, separated by commas; every org without',
      parseOrgs,
    )
    .option('--datasets <names>', 'datasets likewise; every one without', parseDatasets)
    .addOption(new Option('--kind <kind>').choices(['hmac', 'ed25519']).default('hmac'))
    .option('--public-key <whpk>', 'whpk_..., of an ed25519 key')
    .option('--not-before <time>', 'from when it works, ISO 8601; at once without', parseInstant)
    .option('--not-after <time>', 'until when; without end otherwise', parseInstant)
    .option('--requests-per-minute <n>', 'quota; none without', parseRequests)
    .option('--bytes-per-minute <n>', 'quota of bytes as sent; none without', parseBytes)
    .option('--label <text>', 'what it is for')
  withCommon(command).action(async (options: AddOptions) => {
    const { source, kind, publicKey, by, json, notBefore = null, notAfter = null } = options
    if ((kind === 'ed25519') !== (publicKey !== undefined)) {
      throw new OperatorError('--kind ed25519 and --public-key go together')
    }
    if (notBefore !== null && notAfter !== null && Date.parse(notBefore) >= Date.parse(notAfter)) {
      throw new OperatorError('--not-before must be before --not-after')
    }
    const material =
      takePublicKey(publicKey) ?? createHmacMaterial(source, loadMasterKeys(commandLine.env)[0])
    const terms = {
      source,
      label: options.label ?? null,
      orgs: options.orgs ?? null,
      datasets: options.datasets ?? null,
      requestsPerMinute: options.requestsPerMinute ?? null,
      bytesPerMinute: options.bytesPerMinute ?? null,
      notBefore,
      notAfter,
    }
    const { addition, listed } = await change(commandLine, async (client) => ({
      addition: await addKey(client, material, terms, { actor: by }),
      listed: await listKeys(client, source),
    }))
    const problem = additionProblem(addition, source)
    if (problem === undefined) printNewKey(commandLine, material, listed, json)
    else wrong(commandLine, json, problem)
  })
}
