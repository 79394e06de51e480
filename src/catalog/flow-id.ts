import { v5 as uuidV5 } from 'uuid';

const FLOW_NAMESPACE = '5f1c9a44-3c1e-4c5b-9b61-0c1d8d6f7a2e';

/** The id of a new flow whose definition gives none: a UUIDv5 (RFC 9562 §5.5) of both slugs, so that it repeats. */
export function flowId(tenantSlug: string, flowSlug: string): string {
  return uuidV5(`${tenantSlug}/${flowSlug}`, FLOW_NAMESPACE);
}
