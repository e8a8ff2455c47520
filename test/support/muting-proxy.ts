import type { AddressInfo } from 'node:net'
import { connect, createServer, type Server, type Socket } from 'node:net'

/**
 * Stands between a relay and its database, and can keep back what the server says to one kind of session, while the connection
 * stays open: how LISTEN dies without an error behind a NAT, a pooler or a demoted server.
 */
export class MutingProxy implements AsyncDisposable {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #target: URL
  /** While true, sessions with the application name see nothing of what the server sends. */
  isMuted = false

  private constructor(targetUrl: string, applicationName: string) {
    this.#target = new URL(targetUrl)
    this.#server = createServer((inside) => {
      const outside = connect(Number(this.#target.port), this.#target.hostname)
      let isOfKind = false
      for (const socket of [inside, outside]) {
        this.#sockets.add(socket)
        socket.on('error', () => {})
        socket.on('close', () => {
          this.#sockets.delete(socket)
          inside.destroy()
          outside.destroy()
        })
      }
      // The first packet of a session names its application.
      inside.once('data', (startup: Buffer) => {
        isOfKind = startup.includes(applicationName)
      })
      inside.on('data', (chunk: Buffer) => outside.write(chunk))
      outside.on('data', (chunk: Buffer) => {
        if (!(isOfKind && this.isMuted)) inside.write(chunk)
      })
    })
  }

  static async start(targetUrl: string, applicationName: string): Promise<MutingProxy> {
    const proxy = new MutingProxy(targetUrl, applicationName)
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve))
    return proxy
  }

  /** Connection URL through the proxy. */
  get url(): string {
    const url = new URL(this.#target)
    url.port = String((this.#server.address() as AddressInfo).port)
    return url.href
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}
