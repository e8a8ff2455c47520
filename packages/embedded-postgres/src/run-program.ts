import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'

/** A program that was to do one thing and did not; the message holds what it printed. */
export class ProgramError extends Error {
  override readonly name = 'ProgramError'
}

export interface ProgramOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  readonly uid?: number
  readonly gid?: number
}

/**
 * Runs a short program to its end. It gets a session of its own: Ctrl-C at the terminal must not
 * end it half-way, for instance in the middle of a migration; the demo ends once it is done.
 * @param label what the user would call it, for the error message.
 * @throws {ProgramError} with everything it printed, unless it ends with status 0.
 */
export async function runProgram(
  label: string,
  file: string,
  args: readonly string[],
  options: ProgramOptions = {},
): Promise<void> {
  const child = spawn(file, args, {
    ...options,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  const output = Promise.all([text(child.stdout), text(child.stderr)])
  const reason = await new Promise<string | undefined>((resolve) => {
    child.once('error', (error) => resolve(error.message))
    // `exit` and not `close`: a server that it starts may hold its output open for as long as it
    // lives.
    child.once('exit', (code, signal) =>
      resolve(code === 0 ? undefined : (signal ?? `exit status ${code}`)),
    )
  })
  if (reason === undefined) {
    child.stdout.destroy()
    child.stderr.destroy()
    // Cut short on purpose: what a successful program prints is not shown.
    await output.catch(() => {})
    return
  }
  const printed = (await output).join('').trimEnd()
  throw new ProgramError(`${label} failed (${reason})${printed === '' ? '' : `:\n${printed}`}`)
}
