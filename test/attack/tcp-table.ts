import { readFileSync } from 'node:fs';

/** One TCP socket of this machine. */
export interface TcpSocket {
  readonly localPort: number;
  /** Its other end, see `tableKey`. */
  readonly remote: string;
  /** The state in hexadecimal, such as `01` for ESTABLISHED. */
  readonly state: string;
  readonly inode: string;
}

/** All TCP sockets: proc_net_tcp(5). @throws Error where there is no such file: on Linux alone there is */
export function tcpSockets(): TcpSocket[] {
  return ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((file) =>
    readFileSync(file, 'latin1')
      .split('\n')
      .slice(1, -1)
      .map((line) => {
        const [, local = '', remote = '', state = '', , , , , , inode = ''] = line.trim().split(/\s+/);
        return { localPort: portOf(local), remote: remote.slice(-KEY_LENGTH), state, inode };
      }),
  );
}

/** The last four bytes of an address, and a port. */
const KEY_LENGTH = '0100007F:1F90'.length;

/** `127.0.0.1`, 8080 → `0100007F:1F90`: the address in the byte order of little-endian machines. */
export function tableKey(address = '', port = 0): string {
  const bytes = address.includes(':') ? [0, 0, 0, 1] : address.split('.').map(Number);
  const hex = (value: number, digits: number) => value.toString(16).toUpperCase().padStart(digits, '0');
  return `${bytes
    .reverse()
    .map((byte) => hex(byte, 2))
    .join('')}:${hex(port, 4)}`;
}

/** `0100007F:1F90` → 8080 */
function portOf(address: string): number {
  return Number.parseInt(address.slice(address.lastIndexOf(':') + 1), 16);
}
