import type { AppContext } from './app-context.ts'
import { ChildApp } from './child-app.ts'
import { childEnvironment } from './child-environment.ts'
import { listeningUrl } from './listening-url.ts'

export interface ListeningAppOptions {
  /** Shown before its warnings. */
  readonly name: string
  readonly script: string
  readonly settings: Readonly<Record<string, string>>
}

/**
 * Starts an app and waits until it says where it listens: another program may hold the port and
 * answer in its place. It ends with `stack`.
 * @returns undefined where it was stopped meanwhile, or where somebody took its ports.
 */
export async function startListening(
  { env, folder, stopping, aborting, onWarning, onExit }: AppContext,
  { name, script, settings }: ListeningAppOptions,
  stack: AsyncDisposableStack,
): Promise<string | undefined> {
  const listening = Promise.withResolvers<string | undefined>()
  let isListening = false
  const warnings: string[] = []
  const app = new ChildApp({
    ...{ name, script, folder, args: ['serve'], env: childEnvironment(env, settings) },
    // What it says before it listens is part of the error if it ends, and no news if its ports were
    // taken.
    onWarning: (text) => (isListening ? onWarning(text) : warnings.push(text)),
    onLine: (line) => {
      const url = listeningUrl(line)
      if (url !== undefined) listening.resolve(url)
    },
    onExit: (error) => (isListening ? onExit(error) : listening.reject(error)),
  })
  stack.defer(() => app.stop(aborting))
  const stop = () => listening.resolve(undefined)
  stopping.addEventListener('abort', stop)
  app.start()
  try {
    const url = await listening.promise
    isListening = true
    for (const warning of warnings) onWarning(warning)
    return url
  } catch (error) {
    if ((error as Error).message.includes('EADDRINUSE')) return undefined
    throw error
  } finally {
    stopping.removeEventListener('abort', stop)
  }
}
