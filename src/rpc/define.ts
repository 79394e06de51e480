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
import { requireTenantId, type TenantIds, tenantViolations } from './tenant.js';

/**
 * The frame of the files in src/api: an RPC is its name in the proto, who may call it, the rules of its request, and its
 * steps. The types of request and answer follow from the name.
 *
 * A request with a field `tenant` brings more: the rule of that field, the look-up of the tenant's id, the check that the
 * caller may work for it, and an audit (see {@link TenantCall}).
 */

/** A call that names a tenant which is there, and for which its caller may work. */
export interface TenantCall extends AuthenticatedCall {
  readonly tenantId: string;
  readonly audit: CallAudit;
}

type NamesTenant<N extends RpcName> = RequestOf<N> extends { readonly tenant: string } ? true : false;
type CallOf<N extends RpcName> = NamesTenant<N> extends true ? TenantCall : AuthenticatedCall;

/** What the frame itself needs for a request that names a tenant. */
export interface TenantDeps {
  readonly tenants: TenantIds;
  readonly audit: AuditLog;
}
/** What the frame itself needs for an RPC. */
export type FrameDeps<N extends RpcName> = NamesTenant<N> extends true ? TenantDeps : object;

interface Definition<N extends RpcName> {
  /** What an engine caller must be allowed to do. */
  readonly scope: Scope;
  /** The broken rules of the request, but for those of `tenant`, in the order of the fields; none unless set. */
  readonly rules?: (message: MessageShape<InputOf<N>>) => readonly Violation[];
}

/** An RPC with one answer. `handle` is given what it needs once, and then every call. */
export interface UnaryDefinition<N extends UnaryName, Deps> extends Definition<N> {
  /** See {@link Rpc.maxCallMs}. */
  readonly maxCallMs?: number;
  readonly handle: (deps: Deps) => (request: RequestOf<N>, call: CallOf<N>) => Promise<ResponseOf<N>>;
}

/** An RPC that answers a stream. */
export interface StreamDefinition<N extends StreamName, Deps> extends Definition<N> {
  /** See {@link StreamRpc.isResumable}. */
  readonly isResumable?: boolean;
  /** The wire bytes of an answer, in place of the generated encoder. */
  readonly encode?: (response: ResponseOf<N>) => Buffer;
  readonly handle: (
    deps: Deps,
  ) => (request: RequestOf<N>, call: CallOf<N>) => AsyncGenerator<ResponseOf<N>, void, void>;
}

/** The RPC of this name. */
export type RpcOf<N extends UnaryName> = Rpc<RequestOf<N>, ResponseOf<N>, InputOf<N>>;
/** The RPC of this name, which answers a stream. */
export type StreamRpcOf<N extends StreamName> = StreamRpc<RequestOf<N>, ResponseOf<N>, InputOf<N>>;

/** Declares an RPC with one answer. @returns what makes it of the things that its handler needs */
export function unary<N extends UnaryName, Deps>(
  name: N,
  definition: UnaryDefinition<N, Deps>,
): (deps: Deps & FrameDeps<N>) => RpcOf<N>;
export function unary(name: UnaryName, definition: AnyDefinition) {
  const method: AnyRpc['method'] = methods[name];
  const codec: AnyRpc['codec'] = codecs[name];
  const { maxCallMs } = definition;
  return (deps: AnyDeps): AnyRpc => {
    const steps = definition.handle(deps);
    const handle = namesTenant(method)
      ? async (request: AnyRequest, call: AuthenticatedCall) =>
          steps(request, await toTenantCall(deps, method, request, call))
      : steps;
    return defineRpc({ ...commonPart(method, definition), method, codec, maxCallMs, handle });
  };
}

/** Declares an RPC that answers a stream. @returns what makes it of the things that its handler needs */
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
    const steps = definition.handle(deps);
    const handle = namesTenant(method)
      ? async function* (request: AnyRequest, call: AuthenticatedCall) {
          yield* steps(request, await toTenantCall(deps, method, request, call));
        }
      : steps;
    return defineStreamRpc({ ...commonPart(method, definition), method, codec, isResumable, handle });
  };
}

// biome-ignore-start lint/suspicious/noExplicitAny: the signatures above have tied the types to the name.
type AnyDeps = any;
type AnyRequest = any;
interface AnyDefinition {
  readonly scope: Scope;
  readonly rules?: (message: any) => readonly Violation[];
  readonly maxCallMs?: number;
  readonly isResumable?: boolean;
  readonly encode?: (response: any) => Buffer;
  readonly handle: (deps: any) => (request: any, call: any) => any;
}
// biome-ignore-end lint/suspicious/noExplicitAny: the signatures above have tied the types to the name.

function commonPart(method: DescMethod, { scope, rules = () => [] }: AnyDefinition) {
  const withTenant = (message: AnyRequest) => [...tenantViolations(message.tenant), ...rules(message)];
  return { scope, rules: namesTenant(method) ? withTenant : rules };
}

/** As the type of the same name says it. */
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
  return { ...call, tenantId, audit: createCallAudit(audit, call, { action: name, tenantId, tenant }) };
}
