import { cpus, totalmem } from 'node:os';

/** The machine that figures were measured on. */
export interface Machine {
  readonly cpus: number;
  readonly cpu: string;
  readonly memoryMiB: number;
  readonly platform: string;
  readonly node: string;
}

/** Describes the machine that this process runs on. */
export function thisMachine(): Machine {
  const processors = cpus();
  return {
    cpus: processors.length,
    cpu: processors[0]?.model ?? '',
    memoryMiB: Math.round(totalmem() / 1_024 ** 2),
    platform: `${process.platform} ${process.arch}`,
    node: process.version,
  };
}
