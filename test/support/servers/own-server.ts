import { EmbeddedCluster } from '@hq-export/embedded-postgres/embedded-cluster.ts'
import { inject } from 'vitest'

/**
 * A server that only one test uses, so that it may crash it. Without fsync: only a crash of the
 * machine would lose by it.
 */
export async function startOwnServer(
  name: string,
  settings: Readonly<Record<string, string>> = {},
): Promise<{ readonly cluster: EmbeddedCluster } & AsyncDisposable> {
  const installed = inject('postgresFolder')
  const cluster = await EmbeddedCluster.start({
    name,
    settings: { fsync: 'off', ...settings },
    ...(installed === '' ? {} : { installed }),
  })
  return { cluster, [Symbol.asyncDispose]: () => cluster.remove() }
}
