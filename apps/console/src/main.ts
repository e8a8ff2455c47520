import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { outputOf, Program, runProcess } from '@hq-export/runtime/cli/program.ts'
import { describeError } from '@hq-export/runtime/describe-error.ts'
import { OperatorError } from '@hq-export/runtime/operator-error.ts'
import { hashPassword } from './access/password.ts'
import { ConsoleServer } from './console-server.ts'
import { loadConfig } from './process/config.ts'
import { createLog } from './process/log.ts'

const MIN_PASSWORD_CHARS = 12

function explain(error: unknown): string {
  const { code } = error as { code?: unknown }
  if (code === 'EADDRINUSE' || code === 'EACCES' || code === 'EADDRNOTAVAIL')
    return `cannot listen: ${describeError(error)}; see CONSOLE_HOST and CONSOLE_PORT`
  return describeError(error)
}

const program = new Program(
  {
    name: 'console',
    description:
      'Pages for those who operate the export: what is late, refused, different, and why.',
    call: 'npm run console --',
    help: 'Without a command it serves. Settings come from the environment; see docs/CONFIGURATION.md.',
    explain,
  },
  outputOf(process),
)

async function serve(): Promise<void> {
  const config = loadConfig(process.env)
  const log = createLog(config.logLevel)
  const stopping = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort())
  const server = new ConsoleServer(config, log)
  try {
    const url = await server.start()
    log.info({ url: config.url ?? url }, 'listening')
    if (!stopping.signal.aborted) await once(stopping.signal, 'abort')
  } finally {
    await server.stop()
  }
}

program.command
  .command('serve', { isDefault: true })
  .description('serve pages until SIGTERM or SIGINT')
  .action(serve)
program.command
  .command('hash-password')
  .description('read a password from standard input, print what CONSOLE_USERS takes')
  .action(async () => {
    const password = (await text(process.stdin)).replace(/\r?\n$/, '')
    if (password.length < MIN_PASSWORD_CHARS)
      throw new OperatorError(`a password has at least ${MIN_PASSWORD_CHARS} characters`)
    program.print(await hashPassword(password))
  })

await runProcess(program, process)
