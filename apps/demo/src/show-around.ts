import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { EXIT } from '@hq-export/runtime/cli/program.ts'
import { pause } from '@hq-export/runtime/pause.ts'
import { RELAY_SCRIPT } from './children/app-scripts.ts'
import { childEnvironment } from './children/child-environment.ts'
import type { ReconcileOptions } from './compare/reconcile-sides.ts'

const run = promisify(execFile)

/** The application has written something worth to be looked at by then. */
const AFTER_MS = 10_000
const COMMANDS = ['backfill', 'reconcile'] as const

/**
 * Does once what an operator does, so that the console has a backfill and a comparison to show.
 * @param ending ends it wherever it is.
 * @param onTrouble told what a command said that did not end well.
 */
export async function showAround(
  { env, dxUrl, ingestUrl, source, secret }: ReconcileOptions,
  ending: AbortSignal,
  onTrouble: (text: string) => void,
): Promise<void> {
  const settings = {
    ...{ DX_DATABASE_URL: dxUrl, HQ_INGEST_URL: ingestUrl },
    ...{ HQ_SIGNING_SECRET: secret, RELAY_SOURCE: source },
  }
  await pause(AFTER_MS, ending)
  for (const command of COMMANDS) {
    if (ending.aborted) return
    try {
      await run(process.execPath, [RELAY_SCRIPT, command], {
        env: childEnvironment(env, settings),
        signal: ending,
      })
    } catch (error) {
      // A row that was refused on purpose ends a backfill with 1: an answer.
      const isAnswer = (error as { code?: unknown }).code === EXIT.wrong
      if (!isAnswer && !ending.aborted) onTrouble((error as Error).message)
    }
  }
}
