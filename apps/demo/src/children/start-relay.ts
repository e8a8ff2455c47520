import { freePort } from '@hq-export/embedded-postgres/free-port.ts'
import type { AppContext } from './app-context.ts'
import { RELAY_SCRIPT } from './app-scripts.ts'
import { ChildApp } from './child-app.ts'
import { childEnvironment } from './child-environment.ts'

/**
 * Starts the relay. Nobody waits for it: whatever is committed before it works waits in the outbox.
 * It ends with `stack`.
 */
export async function startRelay(
  context: AppContext,
  dxUrl: string,
  ingestUrl: string,
  stack: AsyncDisposableStack,
): Promise<void> {
  const { env, folder, source, secret, aborting, onWarning, onExit } = context
  const app = new ChildApp({
    name: 'relay',
    script: RELAY_SCRIPT,
    args: ['run'],
    folder,
    env: childEnvironment(env, {
      DX_DATABASE_URL: dxUrl,
      HQ_INGEST_URL: ingestUrl,
      HQ_SIGNING_SECRET: secret,
      RELAY_SOURCE: source,
      RELAY_METRICS_PORT: String(await freePort()),
    }),
    onWarning,
    onExit,
  })
  stack.defer(() => app.stop(aborting))
  app.start()
}
