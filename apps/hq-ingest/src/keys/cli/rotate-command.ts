import { OperatorError } from '@hq-export/runtime/operator-error.ts'
import { type Command, Option } from 'commander'
import type pg from 'pg'
import type { IngestCommandLine } from '../../cli/command-line.ts'
import { loadMasterKeys } from '../../process/config.ts'
import { createHmacMaterial, type KeyMaterial } from '../key-material.ts'
import { type ListedKey, listKeys } from '../list-keys.ts'
import { chooseRotated, rotateKey } from '../rotate-key.ts'
import {
  additionProblem,
  type Common,
  change,
  printNewKey,
  withCommon,
  wrong,
} from './command-line.ts'
import { parseOverlap, parseSource, takePublicKey } from './parse-options.ts'

const DEFAULT_OVERLAP = '24h'

type RotateOptions = Common & {
  readonly source?: string
  readonly key?: string
  readonly publicKey?: string
  readonly overlap: number
}

type Rotation =
  | { readonly problem: string }
  | { readonly material: KeyMaterial; readonly listed: readonly ListedKey[] }

async function rotate(
  client: pg.Client,
  { source, key: id, overlap, by }: RotateOptions,
  publicKey: KeyMaterial | undefined,
  env: IngestCommandLine['env'],
): Promise<Rotation> {
  const wanted = id === undefined ? { source: source ?? '' } : { id }
  const choice = await chooseRotated(client, wanted)
  switch (choice.kind) {
    case 'none':
      return {
        problem:
          id === undefined
            ? `no key of ${source} is active without an end; list shows them, add adds one`
            : `${id} is no key that works now; list shows them`,
      }
    case 'several':
      return {
        problem: `${source} has several active keys, ${choice.ids.join(', ')}; name one with --key`,
      }
    case 'chosen':
      break
    default:
      return choice satisfies never
  }
  const { key } = choice
  if (key.kind === 'ed25519' && publicKey === undefined) {
    return { problem: `${key.id} is an ed25519 key; give its successor with --public-key` }
  }
  const material = publicKey ?? createHmacMaterial(key.source, loadMasterKeys(env)[0])
  const addition = await rotateKey(client, key, material, { actor: by, overlapSeconds: overlap })
  const problem = additionProblem(addition, key.source)
  return problem === undefined
    ? { material, listed: await listKeys(client, key.source) }
    : { problem }
}

/** Adds `keys rotate` to the commands. */
export function addRotateCommand(parent: Command, commandLine: IngestCommandLine): void {
  const command = parent
    .command('rotate')
    .description('add a key with the terms of an active one, which ends after an overlap')
    .option('--source <name>', 'the source, where it has one active key', parseSource)
    .addOption(new Option('--key <id>', 'the key, as list shows it').conflicts('source'))
    .option('--public-key <whpk>', 'the successor, whpk_..., as ed25519')
    .addOption(
      new Option('--overlap <time>', 'how long the old key still works')
        .argParser(parseOverlap)
        .default(parseOverlap(DEFAULT_OVERLAP), DEFAULT_OVERLAP),
    )
  withCommon(command).action(async (options: RotateOptions) => {
    if (options.source === undefined && options.key === undefined) {
      throw new OperatorError('say which: give --source or --key')
    }
    const publicKey = takePublicKey(options.publicKey)
    const rotation = await change(commandLine, (client) =>
      rotate(client, options, publicKey, commandLine.env),
    )
    if ('problem' in rotation) wrong(commandLine, options.json, rotation.problem)
    else printNewKey(commandLine, rotation.material, rotation.listed, options.json)
  })
}
