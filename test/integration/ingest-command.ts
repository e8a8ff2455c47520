import { execFile } from 'node:child_process'
import { INGEST_MAIN } from './ingest-process.ts'

export interface Run {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs a command of `ingest` to its end. */
export function ingest(args: readonly string[], env: Record<string, string> = {}): Promise<Run> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [INGEST_MAIN, ...args],
      { env },
      (_error, stdout, stderr) => {
        resolve({ status: child.exitCode ?? -1, stdout, stderr })
      },
    )
  })
}
