import { readdir, readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { datasetByName } from '@hq-export/contract'
import { OperatorError } from '@hq-export/runtime/operator-error.ts'
import { dxMigrations } from '../session/migrations.ts'
import { type Binding, type BoundDataset, bindingSchema } from './binding-schema.ts'

const BINDINGS_FOLDER = join(dxMigrations.folder, 'bindings')

/** Names of the bindings that ship with this build. */
export async function listBindings(): Promise<string[]> {
  const files = await readdir(BINDINGS_FOLDER)
  return files
    .filter((file) => file.endsWith('.json'))
    .map((file) => basename(file, '.json'))
    .sort()
}

async function readBinding(nameOrFile: string): Promise<string> {
  const names = await listBindings()
  const file = names.includes(nameOrFile) ? join(BINDINGS_FOLDER, `${nameOrFile}.json`) : nameOrFile
  try {
    return await readFile(file, 'utf8')
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause
    throw new BindingError(nameOrFile, [
      `it is neither a file nor one of the bindings that ship: ${names.join(', ')}`,
    ])
  }
}

function parseJson(nameOrFile: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new BindingError(nameOrFile, [`it is not JSON: ${(error as Error).message}`])
  }
}

/** Entries by name, by code units. */
function inNameOrder<Value>(record: Readonly<Record<string, Value>>): Record<string, Value> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)))
}

/**
 * What is one binding is one text: an object has no order of its keys, and jsonb, which keeps what
 * was bound, gives back another. What is generated follows the order, and so does its fingerprint.
 */
function inOneOrder(binding: Binding): Binding {
  const datasets = binding.datasets.map((bound) => ({
    ...bound,
    columns: inNameOrder(bound.columns),
    ...(bound.settle && {
      settle: {
        ...bound.settle,
        children: {
          ...bound.settle.children,
          columns: inNameOrder(bound.settle.children.columns),
        },
      },
    }),
  }))
  const numberOf = ({ dataset }: BoundDataset) => datasetByName(dataset).number
  return { ...binding, datasets: datasets.sort((a, b) => numberOf(a) - numberOf(b)) }
}

/** Validates what a binding file holds. @throws {BindingError} with every problem. */
export function parseBinding(nameOrFile: string, value: unknown): Binding {
  const parsed = bindingSchema.safeParse(value)
  if (parsed.success) return inOneOrder(parsed.data)
  throw new BindingError(
    nameOrFile,
    parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'binding'}: ${message}`),
  )
}

/**
 * Reads a binding.
 * @param nameOrFile name of a binding that ships (`reference`), or path of a JSON file.
 * @throws {BindingError} when it does not exist or is not a binding, with every problem.
 */
export async function loadBinding(nameOrFile: string): Promise<Binding> {
  return parseBinding(nameOrFile, parseJson(nameOrFile, await readBinding(nameOrFile)))
}

/** A binding that cannot be installed, with everything that is wrong with it. */
export class BindingError extends OperatorError {
  override readonly name = 'BindingError'
  /** One sentence per problem, each naming its dataset, table or column. */
  readonly problems: readonly string[]

  constructor(binding: string, problems: readonly string[]) {
    super(`binding ${binding} cannot be installed:\n${problems.map((p) => `- ${p}`).join('\n')}`)
    this.problems = problems
  }
}
