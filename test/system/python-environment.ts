import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

const REQUIREMENTS = join(import.meta.dirname, 'requirements.txt')

/** Debian's, of python3-venv: another one of PATH may lack what it takes. */
const PYTHON = '/usr/bin/python3'

/**
 * Installs what `requirements.txt` lists into a virtual environment of its own, once: about 20
 * seconds, then it is in the user's cache.
 * @returns the folder of its programs. They are run as `python NAME`, because the first line of
 *   each has the path at which it was installed.
 * @throws where there is no Python with `venv`, or no package index.
 */
export async function installPythonEnvironment(): Promise<string> {
  const hash = createHash('sha256')
    .update(await readFile(REQUIREMENTS))
    .digest('hex')
  const cache = join(homedir(), '.cache', 'hq-export')
  const environment = join(cache, `python-${hash.slice(0, 12)}`)
  const programs = join(environment, 'bin')
  if (existsSync(programs)) return programs
  await mkdir(cache, { recursive: true })
  const scratch = await mkdtemp(`${environment}.`)
  try {
    await run(PYTHON, ['-m', 'venv', scratch])
    const install = ['-m', 'pip', 'install', '--quiet', '--only-binary', ':all:']
    await run(join(scratch, 'bin', 'python'), [...install, '-r', REQUIREMENTS])
    // Under its name only when it is whole.
    await rename(scratch, environment)
  } catch (cause) {
    throw new Error(
      'what test/system/requirements.txt lists cannot be installed. It takes the Debian package ' +
        'python3-venv, which test/system/packages.txt lists, and PyPI: ' +
        'apt-get update && apt-get install -y --no-install-recommends python3-venv',
      { cause },
    )
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
  return programs
}
