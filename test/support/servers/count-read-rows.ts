import type pg from 'pg'

interface PlanNode {
  readonly 'Relation Name'?: string
  readonly 'Actual Rows'?: number
  readonly 'Actual Loops'?: number
  readonly 'Rows Removed by Filter'?: number
  readonly Plans?: readonly PlanNode[]
}

function rowsOf(node: PlanNode): number {
  const loops = node['Actual Loops'] ?? 0
  const rows = (node['Actual Rows'] ?? 0) + (node['Rows Removed by Filter'] ?? 0)
  const below = (node.Plans ?? []).reduce((sum, child) => sum + rowsOf(child), 0)
  return below + (node['Relation Name'] === undefined ? 0 : rows * loops)
}

/**
 * A session that notes how many rows of tables its statements read, by the plans that run: what
 * times would tell only on a machine of our own.
 */
export function countingReadRows(client: pg.ClientBase): {
  readonly client: pg.ClientBase
  readonly rows: () => number
} {
  let total = 0
  const query = async (
    given: string | pg.QueryConfig,
    givenValues: unknown[] = [],
  ): Promise<pg.QueryResult> => {
    const { text, values = givenValues } = typeof given === 'string' ? { text: given } : given
    if (!/^\s*(?:begin|commit|set|explain|lock)/.test(text)) {
      const explained = await client.query<{ 'QUERY PLAN': readonly { Plan: PlanNode }[] }>(
        `explain (analyze, format json) ${text}`,
        values,
      )
      const [plan] = explained.rows[0]?.['QUERY PLAN'] ?? []
      if (plan === undefined) throw new Error('a statement has a plan')
      total += rowsOf(plan.Plan)
    }
    return client.query(text, values)
  }
  return { client: { query } as unknown as pg.ClientBase, rows: () => total }
}
