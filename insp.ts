import pg from 'pg'
import { execSync } from 'node:child_process'
const ports = [...new Set([...execSync("ss -ltnp | grep postgres").toString().matchAll(/127\.0\.0\.1:(\d+)/g)].map(m => m[1]))]
for (const port of ports) {
  const c = new pg.Client({ connectionString: `postgres://postgres@127.0.0.1:${port}/postgres` })
  try { await c.connect() } catch (e) { console.log(port, String(e)); continue }
  const r = await c.query(`select pid, datname, application_name app, state, wait_event_type || ':' || wait_event w, now()-query_start as age, left(regexp_replace(query,'\\s+',' ','g'),150) q from pg_stat_activity where datname like '%\\_hq\\_%' or (datname like '%\\_dx\\_%' and application_name like 'outbox%')`)
  for (const x of r.rows) console.log(port, x.pid, x.app, x.state, x.w, x.age?.milliseconds, x.age?.seconds, x.q)
  await c.end()
}
