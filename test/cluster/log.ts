/** A line of the log, as far as tests look at it. */
export interface LogLine {
  readonly msg: string;
  readonly worker?: number;
  readonly requestId?: string;
  readonly code?: string | number;
  readonly signal?: string;
  readonly reason?: string;
  readonly delayMs?: number;
  readonly silentMs?: number;
}

/** The log of a primary and its workers. */
export interface Log {
  /** What it has by now, one object a line. */
  readonly logged: () => readonly LogLine[];
  /** The process that answered a request; undefined when none did. */
  readonly answeredBy: (requestId: string) => number | undefined;
}

/** Reads a log that is being written; lines that are not JSON are Node's own. */
export function readLog(text: () => string): Log {
  const lines: LogLine[] = [];
  const answers = new Map<string, number | undefined>();
  let readTo = 0;
  const logged = () => {
    const now = text();
    const end = now.lastIndexOf('\n') + 1;
    for (const json of now.slice(readTo, end).split('\n')) {
      if (!json.startsWith('{')) continue;
      const line: LogLine = JSON.parse(json);
      lines.push(line);
      if (line.requestId !== undefined) answers.set(line.requestId, line.worker);
    }
    readTo = end;
    return lines;
  };
  return {
    logged,
    answeredBy(requestId) {
      logged();
      return answers.get(requestId);
    },
  };
}
