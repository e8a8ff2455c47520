import { loadConfig } from '@hq-export/outbox-relay/process/config.ts'
import { createLog } from '@hq-export/outbox-relay/process/log.ts'
import { addReconcileCommands } from '@hq-export/outbox-relay/reconcile/cli/commands.ts'
import { connect } from '@hq-export/outbox-relay/session/connect.ts'
import { Program } from '@hq-export/runtime/cli/program.ts'

/** What a command wrote, and what it exits with. */
export interface Ran {
  readonly status: number
  readonly out: string
  readonly err: string
}

/**
 * Runs `relay -- reconcile ...` in this process, as the program does in its own.
 * @param interrupted Ctrl-C.
 */
export async function runReconcile(
  env: Readonly<Record<string, string>>,
  args: readonly string[],
  interrupted: AbortSignal = new AbortController().signal,
): Promise<Ran> {
  const written = { out: '', err: '' }
  const out = (text: string) => {
    written.out += text
  }
  const err = (text: string) => {
    written.err += text
  }
  const program = new Program(
    { name: 'relay', description: '', call: 'npm run relay --', explain: String },
    { out, err },
  )
  const config = loadConfig(env)
  addReconcileCommands(program.command, {
    print: program.print,
    exitFailed: program.exitFailed,
    exitIncomplete: program.exitUnknown,
    async withDatabase(work) {
      const client = await connect(config.databaseUrl, 'command', () => {})
      try {
        return await work(client)
      } finally {
        await client.end()
      }
    },
    loadConfig: () => config,
    createErrorLog: () => createLog('silent'),
    terminal: { isTTY: false, columns: () => undefined, write: err },
    interruptible: () => interrupted,
  })
  return { status: await program.run(['reconcile', ...args]), ...written }
}
