/** The exit codes of all commands, as --help lists them. */
export const EXIT = { ok: 0, failed: 1, usage: 2, unreachable: 3, notAllowed: 4 } as const;

/** One broken rule, as the service names it. */
export interface FailedRule {
  readonly field: string;
  readonly rule: string;
  readonly message: string;
}

/** Why a command failed, for people in one line and for scripts by its exit code. */
export class CliFailure extends Error {
  override readonly name = 'CliFailure';

  constructor(
    message: string,
    readonly exitCode: number = EXIT.failed,
    /** The service's error code; undefined when the failure is the command's own. */
    readonly code?: string,
    readonly violations: readonly FailedRule[] = [],
  ) {
    super(message);
  }
}

/** A wrong use of the command line. */
export function usageFailure(message: string): CliFailure {
  return new CliFailure(message, EXIT.usage);
}

/** Formats a failure as one line: the code, the message, and each violation by its path. Faults of files have lines of their own. */
export function describeFailure({ code, message, violations }: CliFailure): string {
  const rules = violations.map(({ field, rule, message }) => {
    return saysPath(message, field) ? `${message} (${rule})` : `${field}: ${message} (${rule})`;
  });
  return [code === undefined ? message : `${code}: ${message}`, ...rules].join(' | ');
}

/** Whether a message begins with the path of its field; the service's sentences say it in JSON's spelling. */
function saysPath(message: string, field: string): boolean {
  const plain = (text: string) => text.replaceAll('_', '').toLowerCase();
  return plain(message).startsWith(`${plain(field)}:`);
}

/** The same as JSON. */
export function failureJson({ code, message, violations }: CliFailure): string {
  return JSON.stringify({ error: { code: code ?? 'failed', message, violations } });
}
