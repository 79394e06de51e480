import type { IncomingMessage } from 'node:http';
import { isProcedure, refuseProcedure } from './connect-error.js';
import type { Endpoint } from './endpoint.js';
import { refuseRest } from './rest.js';

/** Where a request goes. */
export interface Route {
  /** Undefined where there is none for the method or path of the request. */
  readonly endpoint: Endpoint | undefined;
  /** The methods that the path takes: `GET, POST`; undefined where there is no endpoint at the path. */
  readonly methods: string | undefined;
  /** Answers an error in the form of the protocol whose clients use the path. */
  readonly refuse: Endpoint['refuse'];
}

interface Path extends Pick<Route, 'refuse'> {
  readonly endpoints: ReadonlyMap<string, Endpoint>;
  readonly methods: string;
}

/** Makes the routing of requests to endpoints, by path and method. */
export function createRoutes(endpoints: readonly Endpoint[]): (request: IncomingMessage) => Route {
  const paths = groupByPath(endpoints);

  return (request) => {
    const name = pathOf(request);
    const path = paths.get(name) ?? paths.get(decodeUnreserved(name));
    return path
      ? { endpoint: path.endpoints.get(request.method ?? ''), methods: path.methods, refuse: path.refuse }
      : { endpoint: undefined, methods: undefined, refuse: isProcedure(name) ? refuseProcedure : refuseRest };
  };
}

function groupByPath(endpoints: readonly Endpoint[]): ReadonlyMap<string, Path> {
  const paths = new Map<string, Path>();
  for (const endpoint of endpoints) {
    const { path, method, refuse } = endpoint;
    const endpointsOfPath = new Map(paths.get(path)?.endpoints).set(method, endpoint);
    // RFC 9110, section 9.3.2: Node leaves the body of the answer out.
    if (method === 'GET') endpointsOfPath.set('HEAD', endpoint);
    paths.set(path, { endpoints: endpointsOfPath, methods: [...endpointsOfPath.keys()].join(', '), refuse });
  }
  const all = new Set([...paths.values()].flatMap((path) => [...path.endpoints.keys()]));
  // `OPTIONS *` asks for what the whole server takes (RFC 9110, section 9.3.7).
  return paths.set('*', { endpoints: new Map(), methods: [...all].join(', '), refuse: refuseRest });
}

/** The scheme and the authority of a request target in absolute form (RFC 9112, section 3.2.2). */
const ORIGIN = /^https?:\/\/[^/?]*/i;

/** The path of a request's target, without the query. */
function pathOf({ url = '' }: IncomingMessage): string {
  const target = url.startsWith('/') ? url : url.replace(ORIGIN, '');
  const end = target.indexOf('?');
  return (end === -1 ? target : target.slice(0, end)) || '/';
}

/** The characters that mean the same when they are percent-encoded (RFC 3986, section 2.3): A-Z a-z 0-9 - . _ ~ */
const ENCODED_UNRESERVED = /%(?:2[DE]|3\d|4[1-9A-F]|5[0-9AF]|6[1-9A-F]|7[0-9AE])/gi;

function decodeUnreserved(path: string): string {
  return path.replace(ENCODED_UNRESERVED, decodeURIComponent);
}
