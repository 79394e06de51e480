import type { CatalogStore, TenantSummary } from '../../catalog/model.js';
import type { Cursors } from '../../conversations/cursors.js';
import { pageSizeViolations } from '../../conversations/rules.js';
import type { Deps } from '../../deps.js';
import type { Caller } from '../../rpc/call.js';
import { unary } from '../../rpc/define.js';

const DEFAULT_PAGE_SIZE = 50;
const MAX_PAGE_SIZE = 200;

/** ListTenants answers the tenants that the caller may work for, by slug, page by page (AIP-158). */
export const listTenants = unary('listTenants', {
  scope: 'read',
  rules: ({ pageSize }) => pageSizeViolations(pageSize),

  handle:
    ({ catalog, cursors }: Pick<Deps, 'catalog' | 'cursors'>) =>
    async (request, { caller }) => {
      const { pageToken } = request;
      const after = pageToken === '' ? '' : slugOf(pageToken, cursors);
      const pageSize = Math.min(request.pageSize || DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE);
      // One tenant more than the page holds shows whether there is a next page.
      const found = await list(catalog, caller?.tenants ?? 'all', after, pageSize + 1);
      const tenants = found.slice(0, pageSize);
      const last = found.length > pageSize ? tenants.at(-1) : undefined;
      return {
        tenants: [...tenants],
        nextPageToken: last ? tokenOf(last.slug, cursors) : '',
      };
    },
});

/** The page token after a tenant: its slug, with a cursor that only this service can make for it. */
function tokenOf(slug: string, cursors: Cursors): string {
  return `${slug}~${cursors.make(['ListTenants', slug], { time: 0, id: '' })}`;
}

/** @throws ServiceError invalid_input */
function slugOf(token: string, cursors: Cursors): string {
  const [slug = '', cursor = ''] = token.split('~', 2);
  cursors.read(['ListTenants', slug], cursor, 'pageToken');
  return slug;
}

async function list(
  catalog: CatalogStore,
  allowed: Caller['tenants'],
  after: string,
  limit: number,
): Promise<readonly TenantSummary[]> {
  if (allowed === 'all') return catalog.listTenants(after, limit);
  const found: TenantSummary[] = [];
  // A caller has few tenants by name, and some of them may not exist.
  for (const slug of [...allowed].filter((one) => one > after).sort()) {
    if (found.length === limit) break;
    const tenant = await catalog.findTenantBySlug(slug);
    if (!tenant) continue;
    const { name, revision, flows } = tenant;
    const publishedFlowCount = flows.filter(({ published }) => published).length;
    found.push({ slug, name, revision, flowCount: flows.length, publishedFlowCount });
  }
  return found;
}
