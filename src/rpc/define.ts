import type { DescMethod, MessageShape } from '@bufbuild/protobuf';
import { type AuditLog, type CallAudit, createCallAudit } from './audit.js';
import type { AuthenticatedCall, Scope } from './call.js';
import type { Violation } from './errors.js';
import {
  codecs,
  type InputOf,
  methods,
  type RequestOf,
  type ResponseOf,
  type RpcName,
  type StreamName,
  type UnaryName,
} from './methods.js';
import {
  type AnyRpc,
  type AnyStreamRpc,
  defineRpc,
  defineStreamRpc,
  type Rpc,
  type StreamRpc,
} from './rpc.js';
import type { Surface } from './surface.js';
import { requireTenantId, type TenantIds, tenantViolations } from './tenant.js';

/**
 * The frame of the files in src/api. A file declares an RPC by its name in the proto, its scope, the rules of its
 * request and its handler. The types of request and answer are inferred from the name.
 *
 * For a request with a field `tenant` the frame also checks the slug, checks that the caller may work for that tenant,
 * looks up the tenant's id, and provides the audit (see {@link TenantCall}).
 */

/** A call whose request names a tenant that exists and that the caller may work for. */
export interface TenantCall extends AuthenticatedCall {
  readonly tenantId: string;
  readonly audit: CallAudit;
}

type NamesTenant<N extends RpcName> = RequestOf<N> extends { readonly tenant: string } ? true : false;
type CallOf<N extends RpcName> = NamesTenant<N> extends true ? TenantCall : AuthenticatedCall;

/** What the frame needs for a request that names a tenant. */
export interface TenantDeps {
  readonly tenants: TenantIds;
  readonly audit: AuditLog;
}
/** What the frame needs for the RPC of this name. */
export type FrameDeps<N extends RpcName> = NamesTenant<N> extends true ? TenantDeps : object;

interface Definition<N extends RpcName> {
  /** The scope that an engine caller must have. */
  readonly scope: Scope;
  /**
   * Finds the broken rules of the request, without those of `tenant`, in field order. Without it there are no rules.
   */
  readonly rules?: (message: MessageShape<InputOf<N>>, surface: Surface) => readonly Violation[];
}

/** The declaration of a unary RPC. `handle` takes its dependencies once and returns the handler of every call. */
export interface UnaryDefinition<N extends UnaryName, Deps> extends Definition<N> {
  /** See {@link Rpc.maxCallMs}. */
  readonly maxCallMs?: number;
  /** See {@link Rpc.maxRequestBytes}. */
  readonly maxRequestBytes?: number;
  readonly handle: (deps: Deps) => (request: RequestOf<N>, call: CallOf<N>) => Promise<ResponseOf<N>>;
}

/** The declaration of a server-streaming RPC. */
export interface StreamDefinition<N extends StreamName, Deps> extends Definition<N> {
  /** See {@link StreamRpc.isResumable}. */
  readonly isResumable?: boolean;
  /** Encodes an answer to wire bytes, in place of the generated encoder. */
  readonly encode?: (response: ResponseOf<N>) => Buffer;
  readonly handle: (
    deps: Deps,
  ) => (request: RequestOf<N>, call: CallOf<N>) => AsyncGenerator<ResponseOf<N>, void, void>;
}

/** The type of the unary RPC of this name. */
export type RpcOf<N extends UnaryName> = Rpc<RequestOf<N>, ResponseOf<N>, InputOf<N>>;
/** The type of the server-streaming RPC of this name. */
export type StreamRpcOf<N extends StreamName> = StreamRpc<RequestOf<N>, ResponseOf<N>, InputOf<N>>;

/** Declares a unary RPC. @returns a function that creates it from the handler's dependencies */
export function unary<N extends UnaryName, Deps>(
  name: N,
  definition: UnaryDefinition<N, Deps>,
): (deps: Deps & FrameDeps<N>) => RpcOf<N>;
export function unary(name: UnaryName, definition: AnyDefinition) {
  const method: AnyRpc['method'] = methods[name];
  const codec: AnyRpc['codec'] = codecs[name];
  const { maxCallMs, maxRequestBytes } = definition;
  return (deps: AnyDeps): AnyRpc => {
    const handler = definition.handle(deps);
    const handle = namesTenant(method)
      ? async (request: AnyRequest, call: AuthenticatedCall) =>
          handler(request, await toTenantCall(deps, method, request, call))
      : handler;
    return defineRpc({
      ...scopeAndRules(method, definition),
      method,
      codec,
      maxCallMs,
      maxRequestBytes,
      handle,
    });
  };
}

/** Declares a server-streaming RPC. @returns a function that creates it from the handler's dependencies */
export function serverStream<N extends StreamName, Deps>(
  name: N,
  definition: StreamDefinition<N, Deps>,
): (deps: Deps & FrameDeps<N>) => StreamRpcOf<N>;
export function serverStream(name: StreamName, definition: AnyDefinition) {
  const method: AnyStreamRpc['method'] = methods[name];
  const generated: AnyStreamRpc['codec'] = codecs[name];
  const { isResumable, encode = generated.responseSerialize } = definition;
  const codec = { ...generated, responseSerialize: encode };
  return (deps: AnyDeps): AnyStreamRpc => {
    const handler = definition.handle(deps);
    const handle = namesTenant(method)
      ? async function* (request: AnyRequest, call: AuthenticatedCall) {
          yield* handler(request, await toTenantCall(deps, method, request, call));
        }
      : handler;
    return defineStreamRpc({ ...scopeAndRules(method, definition), method, codec, isResumable, handle });
  };
}

// biome-ignore-start lint/suspicious/noExplicitAny: the overloads of unary and serverStream check the types by name.
type AnyDeps = any;
type AnyRequest = any;
interface AnyDefinition {
  readonly scope: Scope;
  readonly rules?: (message: any, surface: Surface) => readonly Violation[];
  readonly maxCallMs?: number;
  readonly maxRequestBytes?: number;
  readonly isResumable?: boolean;
  readonly encode?: (response: any) => Buffer;
  readonly handle: (deps: any) => (request: any, call: any) => any;
}
// biome-ignore-end lint/suspicious/noExplicitAny: the overloads of unary and serverStream check the types by name.

function scopeAndRules(method: DescMethod, { scope, rules = () => [] }: AnyDefinition) {
  const withTenant = (message: AnyRequest, surface: Surface) => [
    ...tenantViolations(message.tenant),
    ...rules(message, surface),
  ];
  return { scope, rules: namesTenant(method) ? withTenant : rules };
}

/** Whether the request has a field `tenant`: the type {@link NamesTenant} at run time. */
function namesTenant({ input }: DescMethod): boolean {
  return input.fields.some(({ localName, fieldKind }) => localName === 'tenant' && fieldKind === 'scalar');
}

async function toTenantCall(
  { tenants, audit }: TenantDeps,
  { name }: DescMethod,
  { tenant }: { readonly tenant: string },
  call: AuthenticatedCall,
): Promise<TenantCall> {
  const tenantId = await requireTenantId(tenants, call, tenant);
  const callAudit = createCallAudit(audit, call, { action: name, tenantId, tenant });
  // The call is this handler's alone, so it is extended and not copied: a copy would create its signal.
  return Object.assign(call, { tenantId, audit: callAudit });
}
