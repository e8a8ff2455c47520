import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect, createServer, type Server, type Socket } from 'node:net'

/** The startup message without its parameter `options`, as a pooler passes it on. */
function withoutOptions(startup: Buffer): Buffer {
  // Int32 length, Int32 version, then names and values, each ended by a zero, and a zero.
  const texts = startup.subarray(8, -2).toString().split('\0')
  const kept: string[] = []
  for (let index = 0; index + 1 < texts.length; index += 2) {
    const [name = '', value = ''] = texts.slice(index, index + 2)
    if (name !== 'options') kept.push(name, value)
  }
  const parameters = Buffer.from(`${kept.join('\0')}\0\0`)
  const message = Buffer.concat([startup.subarray(0, 8), parameters])
  message.writeInt32BE(message.length)
  return message
}

/** Stands between a program and its database, and drops the startup parameter `options`. */
export class OptionsDroppingProxy implements AsyncDisposable {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #target: URL

  private constructor(targetUrl: string) {
    this.#target = new URL(targetUrl)
    this.#server = createServer((inside) => {
      const outside = connect(Number(this.#target.port), this.#target.hostname)
      for (const socket of [inside, outside]) {
        this.#sockets.add(socket)
        socket.on('error', () => {})
        socket.on('close', () => {
          this.#sockets.delete(socket)
          inside.destroy()
          outside.destroy()
        })
      }
      inside.once('data', (startup: Buffer) => {
        outside.write(withoutOptions(startup))
        inside.pipe(outside)
      })
      outside.pipe(inside)
    })
  }

  static async start(targetUrl: string): Promise<OptionsDroppingProxy> {
    const proxy = new OptionsDroppingProxy(targetUrl)
    proxy.#server.listen(0, '127.0.0.1')
    await once(proxy.#server, 'listening')
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
