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
    const path = paths.get(name);
    return path
      ? { endpoint: path.endpoints.get(request.method ?? ''), methods: path.methods, refuse: path.refuse }
      : { endpoint: undefined, methods: undefined, refuse: isProcedure(name) ? refuseProcedure : refuseRest };
  };
}

function groupByPath(endpoints: readonly Endpoint[]): ReadonlyMap<string, Path> {
  const paths = new Map<string, Path>();
  for (const endpoint of endpoints) {
    const { path, method, refuse } = endpoint;
    const methods = new Map(paths.get(path)?.endpoints).set(method, endpoint);
    paths.set(path, { endpoints: methods, methods: [...methods.keys()].join(', '), refuse });
  }
  return paths;
}

/** The path of a request's URL, without the query. */
function pathOf({ url = '' }: IncomingMessage): string {
  const end = url.indexOf('?');
  return end === -1 ? url : url.slice(0, end);
}
