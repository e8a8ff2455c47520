import { readFileSync, writeFileSync } from 'node:fs'
import { runCommandLine } from './cli/command-line.ts'

const documentUrl = new URL('../../../docs/EXPORT_CONTRACT_V1.md', import.meta.url)

const { status, stdout, stderr } = runCommandLine(process.argv.slice(2), {
  read: () => readFileSync(documentUrl, 'utf8'),
  write: (text) => writeFileSync(documentUrl, text),
})
process.stdout.write(stdout)
process.stderr.write(stderr)
process.exitCode = status
