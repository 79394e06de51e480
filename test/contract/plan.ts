import type { Document } from 'mongodb';

/** One walk of a plan: through an index, or through a whole collection. */
export interface Scan {
  /** The index that is walked; undefined for none. */
  readonly index: string | undefined;
  /** Whether the walk is bounded by a condition of the query. */
  readonly bounded: boolean;
}

/** Whether everything is read: without an index, or through all of one. */
export function isFullScan({ index, bounded }: Scan): boolean {
  return index === undefined || !bounded;
}

/**
 * The walks of a plan, from the answer of `explain`: MongoDB's `winningPlan`, or FerretDB's `Plan`, which is
 * PostgreSQL's.
 */
export function scansOf(answer: Document): Scan[] {
  const { queryPlanner } = answer;
  const roots = [queryPlanner?.winningPlan, queryPlanner?.Plan].filter((root) => root !== undefined);
  if (roots.length === 0) throw new Error(`not an answer of explain: ${JSON.stringify(answer)}`);
  return roots.flatMap(stagesOf).flatMap((stage) => mongoScan(stage) ?? postgresScan(stage) ?? []);
}

/** A plan's stages, whatever they are nested by (`inputStage`, `shards`, `queryPlan`, `Plans` …). */
function stagesOf(value: unknown): Document[] {
  if (Array.isArray(value)) return value.flatMap(stagesOf);
  if (typeof value !== 'object' || value === null) return [];
  const inner = Object.entries(value).flatMap(([name, member]) =>
    name === 'rejectedPlans' ? [] : stagesOf(member),
  );
  return [value, ...inner];
}

function mongoScan(stage: Document): Scan | undefined {
  switch (stage['stage']) {
    case 'COLLSCAN':
      return { index: undefined, bounded: false };
    case 'IDHACK':
    case 'EXPRESS_CLUSTERED_IXSCAN':
      return { index: '_id_', bounded: true };
    case 'EXPRESS_IXSCAN':
      return { index: stage['indexName'], bounded: true };
    case 'IXSCAN': {
      const bounds = Object.values<unknown>(stage['indexBounds'] ?? {}).flat();
      return {
        index: stage['indexName'],
        bounded: bounds.some((bound) => !/M(in|ax)Key, M(in|ax)Key/.test(String(bound))),
      };
    }
    default:
      return undefined;
  }
}

/** All of a collection is an index scan of `_id_` too, whose only condition is the number of the collection. */
function postgresScan(stage: Document): Scan | undefined {
  const type = stage['Node Type'];
  if (type === 'Seq Scan') return { index: undefined, bounded: false };
  if (!['Index Scan', 'Index Only Scan', 'Bitmap Index Scan'].includes(type)) return undefined;
  const condition = String(stage['Index Cond'] ?? '');
  return { index: stage['Index Name'], bounded: /\b(document|object_id) OPERATOR/.test(condition) };
}
