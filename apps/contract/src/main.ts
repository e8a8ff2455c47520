import { readFileSync, writeFileSync } from 'node:fs'
import { outputOf, runProcess } from '@hq-export/runtime/cli/program.ts'
import { createContractProgram } from './command-line.ts'

const documentUrl = new URL('../../../docs/EXPORT_CONTRACT_V1.md', import.meta.url)

const program = createContractProgram(
  {
    read: () => readFileSync(documentUrl, 'utf8'),
    write: (text) => writeFileSync(documentUrl, text),
  },
  outputOf(process),
)
await runProcess(program, process)
