import { Command } from 'commander'
import { expect, test } from 'vitest'
import { addKeyCommands } from './commands.ts'

const SECRET = 'whsec_hunter2hunter2'
const SOURCE = ['--source', 'a']

/** Runs a command that must end before it asks a database; what it wrote, and what it threw. */
async function run(args: readonly string[], env: Record<string, string> = {}): Promise<string> {
  let output = ''
  const write = (text: string) => {
    output += text
  }
  const program = new Command('ingest')
    .exitOverride()
    .configureOutput({ writeOut: write, writeErr: write })
  addKeyCommands(program, { env, print: write, exitFailed: () => {} })
  const error = await program.parseAsync(['keys', ...args], { from: 'user' }).then(
    () => 'none',
    (thrown: unknown) => String(thrown),
  )
  return `${output}${error}`
}

test.each<{ args: string[]; rule: string; env?: Record<string, string> }>([
  { args: ['add'], rule: "required option '--source <name>'" },
  { args: ['add', '--source', 'a b'], rule: '1 to 64 letters' },
  { args: ['add', ...SOURCE, '--orgs', 'acme'], rule: 'must be uuids' },
  { args: ['add', ...SOURCE, '--orgs', ''], rule: 'must be uuids' },
  { args: ['add', ...SOURCE, '--datasets', 'dx_unknown_v1'], rule: 'must be of dx_operation_runs' },
  { args: ['add', ...SOURCE, '--kind', 'rsa'], rule: 'Allowed choices are hmac, ed25519' },
  { args: ['add', ...SOURCE, '--kind', 'ed25519'], rule: '--kind ed25519 and --public-key go' },
  { args: ['add', ...SOURCE, '--public-key', SECRET], rule: '--kind ed25519 and --public-key go' },
  {
    args: ['add', ...SOURCE, '--kind', 'ed25519', '--public-key', SECRET],
    rule: '--public-key must',
  },
  { args: ['add', ...SOURCE, '--not-after', '2026-02-30T00:00:00Z'], rule: 'must be ISO 8601' },
  { args: ['add', ...SOURCE, '--not-after', '2026-02-28T00:00:00'], rule: 'must be ISO 8601' },
  {
    args: [
      ...['add', '--source', 'a', '--not-before', '2026-01-02T00:00:00Z'],
      ...['--not-after', '2026-01-02T01:00:00+01:00'],
    ],
    rule: '--not-before must be before --not-after',
  },
  { args: ['add', ...SOURCE, '--requests-per-minute', '2147483648'], rule: '1 to 2147483647' },
  { args: ['add', ...SOURCE, '--bytes-per-minute', '0'], rule: 'a whole number from 1' },
  { args: ['rotate', ...SOURCE, '--overlap', '1 day'], rule: 'must be a time such as' },
  { args: ['rotate', ...SOURCE, '--overlap', '367d'], rule: 'at most 366d' },
  { args: ['rotate', ...SOURCE, '--key', 'a'], rule: 'cannot be used with' },
  { args: ['rotate'], rule: 'give --source or --key' },
  { args: ['revoke'], rule: "missing required argument 'id'" },
  {
    args: ['add', ...SOURCE],
    rule: 'INGEST_MASTER_KEY must be padded base64 of 32 bytes; received <set>',
    env: { INGEST_MASTER_KEY: SECRET },
  },
])('keys $args is refused by its rule, and repeats no secret', async ({ args, rule, env }) => {
  const output = await run(args, env)
  expect(output).toContain(rule)
  expect(output).not.toContain('hunter2')
})

test.each(['add', 'list', 'rotate', 'revoke', 'reencrypt'])('%s has help', async (command) => {
  expect(await run([command, '--help'])).toContain('--json')
})
