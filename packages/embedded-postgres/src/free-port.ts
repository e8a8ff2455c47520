import { randomInt } from 'node:crypto'
import { createServer, type Server } from 'node:net'

/**
 * Ports below those that systems give to outgoing connections, from 32768 on Linux and 49152
 * elsewhere: these are taken at any moment, by processes that never ask which port it is.
 */
const FIRST_PORT = 20_000
const END_PORT = 32_768
const ATTEMPTS = 100

/** Where programs will listen. */
const HOST = '127.0.0.1'
/**
 * Where nobody listens. A port that is held here is one that somebody was given and has not bound
 * yet, or not again.
 */
const RESERVATION_HOST = '127.0.0.2'

/**
 * Listens, and keeps no process alive by it. On a system without this address it does nothing.
 * @returns undefined where the port is taken.
 */
function listen(host: string, port: number): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy()).unref()
    server.once('error', (error: NodeJS.ErrnoException) => {
      // EACCES: a port below 1024, or one that the system reserves.
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(undefined)
      else if (error.code === 'EADDRNOTAVAIL') resolve(server)
      else reject(error)
    })
    server.listen({ port, host, exclusive: true }, () => resolve(server))
  })
}

/**
 * Takes a port for as long as this process lives. @returns false where it is bound, or promised to
 * somebody.
 */
async function reserve(port: number): Promise<boolean> {
  const reservation = await listen(RESERVATION_HOST, port)
  if (reservation === undefined) return false
  // Only whoever holds the reservation looks: another one's look would be in the way of the program
  // that binds.
  const probe = await listen(HOST, port)
  if (probe === undefined) {
    reservation.close()
    return false
  }
  await new Promise((resolve) => probe.close(resolve))
  return true
}

/**
 * A loopback port that is free, and that no other call gives out until this process ends; on a
 * system with one loopback address, another process may.
 * @param preferred tried first; any free one where it is taken or not given.
 */
export async function freePort(preferred?: number): Promise<number> {
  if (preferred !== undefined && (await reserve(preferred))) return preferred
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const port = randomInt(FIRST_PORT, END_PORT)
    if (await reserve(port)) return port
  }
  throw new Error(`no free port on ${HOST}: ${ATTEMPTS} from ${FIRST_PORT} up were taken`)
}
