import { z } from 'zod';
import type { Conflict } from '../yaml/yaml-file.js';
import { subjectText } from './authenticate.js';

/** The rest of the configuration, as far as a callers file can conflict with it. */
export interface CallersFileContext {
  /** The names of the callers of ENGINE_API_TOKENS. */
  readonly takenNames: readonly string[];
  /** The hashes of their tokens, in the form of `tokenHashes`. */
  readonly takenHashes: readonly string[];
  /** Whether the gRPC server requests client certificates. */
  readonly asksForCertificates: boolean;
}

const value = z.union([z.string(), z.array(z.string())]).optional();
const caller = z.object({
  name: z.string().optional().catch(undefined),
  // A missing list stays undefined, to be told from an empty one; the schema reports a value that is not a list.
  tokenHashes: z.array(z.string().optional().catch(undefined)).optional().catch([]),
  certificateSubject: z.record(z.string(), value).optional().catch({}),
});
/** A schema that accepts any value and drops what does not fit, so that a file with other faults is still checked. */
const lenientFile = z.object({ callers: z.array(caller.catch({ tokenHashes: [] })).catch([]) });

/** Finds conflicts within a callers file, such as duplicate names, and between it and the rest of the configuration. */
export function findConflicts(file: unknown, context: CallersFileContext): readonly Conflict[] {
  const conflicts: Conflict[] = [];
  const add = (path: Conflict['path'], message: string): void => {
    conflicts.push({ path, message });
  };
  const names = new Set<string>();
  const takenNames = new Set(context.takenNames);
  const hashes = new Set<string>();
  const takenHashes = new Set(context.takenHashes);
  const subjects = new Set<string>();

  for (const [c, { name, tokenHashes, certificateSubject }] of readLeniently(file).entries()) {
    const at = ['callers', c] as const;
    if (name !== undefined) {
      if (takenNames.has(name)) add([...at, 'name'], 'is a name of ENGINE_API_TOKENS too');
      if (names.has(name)) add([...at, 'name'], 'is the name of an earlier one too');
      names.add(name);
    }

    for (const [h, hash] of tokenHashes?.entries() ?? []) {
      if (hash === undefined) continue;
      const path = [...at, 'tokenHashes', h];
      if (takenHashes.has(hash)) add(path, 'is the hash of a token of ENGINE_API_TOKENS too');
      // The message does not quote the value: it may be a token that was put here by mistake.
      if (hashes.has(hash)) add(path, 'stands further up in the file too');
      hashes.add(hash);
    }

    if (certificateSubject !== undefined) {
      const path = [...at, 'certificateSubject'];
      const text = subjectText(certificateSubject);
      if (!context.asksForCertificates) {
        add(path, 'needs GRPC_TLS_CLIENT_CA: without it, clients are not asked for a certificate');
      }
      if (text !== '[]' && subjects.has(text)) add(path, 'is the subject of an earlier one too');
      subjects.add(text);
    } else if (tokenHashes === undefined) {
      add(at, 'could not show who it is: it needs tokenHashes or a certificateSubject');
    }
  }
  return conflicts;
}

function readLeniently(file: unknown): z.infer<typeof lenientFile>['callers'] {
  return lenientFile.safeParse(file).data?.callers ?? [];
}
