import type { CatalogStore } from '../catalog/model.js';
import { type Config, isLoopback } from './config.js';
import { StartError } from './start-error.js';

/** The tenant file of a service that starts with nothing that points to production. */
export const DEMO_TENANT = new URL('../../../src/app/demo-tenant.yaml', import.meta.url);

const DEMO_SLUG = 'lakeside-books';
const DEMO_KEY = 'pk_live_de300000000000000000000000000001';

/** Says which setting points to production, where the demo tenant is not served: its widget key is in our documents. */
export function whyNoDemo(config: Config): string | undefined {
  if (config.NODE_ENV === 'production') return 'NODE_ENV is production';
  if (config.MONGODB_URI !== undefined) return 'MONGODB_URI is set';
  if (config.SESSION_SIGNING_KEYS !== undefined) return 'SESSION_SIGNING_KEYS is set';
  const open = (['HTTP_ADDR', 'GRPC_ADDR'] as const).find((name) => !isLoopback(config[name]));
  return open && `${open} is reachable from other machines`;
}

/**
 * Refuses a demo tenant that an earlier start has left in the database, when something points to production now. One that
 * the tenant file of this start names is meant.
 *
 * @throws StartError
 */
export async function refuseLeftDemo(
  config: Config,
  catalog: Pick<CatalogStore, 'findKey'>,
  applied: readonly { readonly slug: string }[],
): Promise<void> {
  const reason = whyNoDemo(config);
  if (reason === undefined || applied.some(({ slug }) => slug === DEMO_SLUG)) return;
  const key = await catalog.findKey(DEMO_KEY);
  if (!key?.enabled) return;
  throw new StartError(
    `the database holds the demo tenant, and ${reason}: use another ${config.MONGODB_URI === undefined ? 'DATA_DIR' : 'database'}, or start without that and run chatsessions tenants delete ${DEMO_SLUG}`,
  );
}
