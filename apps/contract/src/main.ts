import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { DATASETS } from '@hq-export/contract'
import { outputOf, runProcess } from '@hq-export/runtime/cli/program.ts'
import { createContractProgram } from './cli/command-line.ts'
import { readGatewayOpenApi } from './generate/gateway-openapi.ts'
import { WorkingTree } from './repository/working-tree.ts'

const documentUrl = new URL('../../../docs/EXPORT_CONTRACT_V1.md', import.meta.url)
const root = fileURLToPath(new URL('../../..', import.meta.url))

const program = createContractProgram(
  {
    read: () => readFileSync(documentUrl, 'utf8'),
    write: (text) => writeFileSync(documentUrl, text),
  },
  {
    tree: new WorkingTree(root),
    datasets: DATASETS,
    readOpenApi: () => readGatewayOpenApi(root),
    today: () => new Date().toISOString().slice(0, 10),
  },
  outputOf(process),
)
await runProcess(program, process)
