/** What tells a tenant, or a flow of a tenant, apart: in files, requests and logs. */
export const SLUG = /^[a-z0-9][a-z0-9-]{0,62}$/;
