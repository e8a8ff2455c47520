import { runProgram } from '@hq-export/embedded-postgres/run-program.ts'
import { GATEWAY_SCRIPT, RELAY_SCRIPT } from './app-scripts.ts'
import { childEnvironment } from './child-environment.ts'

/**
 * Creates what both apps need in their databases and installs the reference binding, by their own
 * commands.
 */
export async function migrateDatabases(
  env: Readonly<Record<string, string | undefined>>,
  dxUrl: string,
  hqUrl: string,
): Promise<void> {
  const relay = { env: childEnvironment(env, { DX_DATABASE_URL: dxUrl }) }
  const gateway = { env: childEnvironment(env, { HQ_DATABASE_URL: hqUrl }) }
  const node = process.execPath
  // allSettled: where one side fails, the other must not go on in a database that is being removed.
  const sides = await Promise.allSettled([
    runProgram('npm run ingest -- migrate', node, [GATEWAY_SCRIPT, 'migrate'], gateway),
    runProgram('npm run relay -- migrate', node, [RELAY_SCRIPT, 'migrate'], relay).then(() =>
      runProgram(
        'npm run relay -- bind reference',
        node,
        [RELAY_SCRIPT, 'bind', 'reference'],
        relay,
      ),
    ),
  ])
  const errors = sides.filter((side) => side.status === 'rejected').map(({ reason }) => reason)
  if (errors.length === 1) throw errors[0]
  if (errors.length > 1) throw new AggregateError(errors)
}
