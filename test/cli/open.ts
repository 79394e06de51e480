import { repoFile } from '../harness/repo-file.js';

/** The public path that opens a session. */
export const PATH = '/api/public/v1/chat/sessions';
/** A tenant file whose keys the tests of the process open sessions with. */
export const SEED = repoFile('test/cases/open-session.seed.yaml');

/** Opens a session on the public path of a service. */
export function post(url: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${url}${PATH}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
}
