import { z } from 'zod';
import type { Conflict } from '../yaml/yaml-file.js';
import { subjectText } from './authenticate.js';

/** What is configured beside the callers file. */
export interface CallersFileContext {
  /** The names of callers that are known already. */
  readonly takenNames: readonly string[];
  /** The hashes of their tokens, as in `tokenHashes`. */
  readonly takenHashes: readonly string[];
  /** Whether gRPC asks its clients for certificates. */
  readonly asksForCertificates: boolean;
}

const value = z.union([z.string(), z.array(z.string())]).optional();
const caller = z.object({
  name: z.string().optional().catch(undefined),
  // Left out is one thing, and what is no list at all is the schema's to report.
  tokenHashes: z.array(z.string().optional().catch(undefined)).optional().catch([]),
  certificateSubject: z.record(z.string(), value).optional().catch({}),
});
/** Reads what it can of any value, so that these rules are checked in a file that has other faults too. */
const anyFile = z.object({ callers: z.array(caller.catch({ tokenHashes: [] })).catch([]) });

/** Finds what breaks the rules that tie one place of a callers file to another, or to the configuration. */
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

  for (const [c, { name, tokenHashes, certificateSubject }] of read(file).entries()) {
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
      // Not quoted: somebody may have put a token where its hash belongs.
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

function read(file: unknown): z.infer<typeof anyFile>['callers'] {
  return anyFile.safeParse(file).data?.callers ?? [];
}
