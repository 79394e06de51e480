import {
  type DescMethod,
  type DescMethodUnary,
  getOption,
  hasOption,
  type MessageShape,
  toJson,
} from '@bufbuild/protobuf';
import { MethodOptions_IdempotencyLevel } from '@bufbuild/protobuf/wkt';
import { publicJson } from '../../src/gateway/public-json.js';
import { Catalog } from '../../src/gen/protobuf-es/chatsessions/v1/catalog_pb.js';
import { ChatSessions } from '../../src/gen/protobuf-es/chatsessions/v1/chat_sessions_pb.js';
import { http } from '../../src/gen/protobuf-es/google/api/annotations_pb.js';

/** An RPC as its descriptor has it: nothing that a step needs of it is written down twice. */
export interface RpcFacts {
  readonly name: string;
  readonly input: DescMethodUnary['input'];
  readonly output: DescMethodUnary['output'];
  /** `/package.Service/Method`: gRPC's path, and Connect's. */
  readonly path: string;
  /** Whether it has no side effects: Connect takes it by GET too. */
  readonly isRead: boolean;
  /** Its public path; undefined for the RPCs of the engine surface alone. */
  readonly rule?: { readonly method: string; readonly path: string; readonly hasBody: boolean };
  /** An answer as JSON: as the public path has it or, where there is none, with all members that are not optional. */
  readonly toJson: (message: MessageShape<DescMethodUnary['output']>) => unknown;
}

const methods: readonly DescMethod[] = [...ChatSessions.methods, ...Catalog.methods];

/** The RPCs with one answer. */
export const unaryRpcs: readonly RpcFacts[] = methods.filter(isUnary).map(factsOf);

/** The paths of all RPCs without a public path, streams among them: there is nothing at these on the gateway. */
export const engineOnlyPaths: readonly string[] = methods
  .filter((method) => !hasOption(method, http))
  .map(pathOf);

/** One of {@link unaryRpcs}, by its name in the proto file. */
export function rpcOf(name = 'OpenSession'): RpcFacts {
  const found = unaryRpcs.find((rpc) => rpc.name === name);
  if (!found) throw new Error(`the proto file has no RPC ${name} with one answer`);
  return found;
}

function isUnary(method: DescMethod): method is DescMethodUnary {
  return method.methodKind === 'unary';
}

function factsOf(method: DescMethodUnary): RpcFacts {
  const { name, input, output } = method;
  const isRead = method.idempotency === MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS;
  const rpc = { name, input, output, isRead, path: pathOf(method) };
  if (!hasOption(method, http)) {
    return { ...rpc, toJson: (message) => toJson(output, message, { alwaysEmitImplicit: true }) };
  }
  const { pattern, body } = getOption(method, http);
  const write = publicJson(output);
  return {
    ...rpc,
    rule: {
      method: String(pattern.case).toUpperCase(),
      path: String(pattern.value),
      hasBody: body !== '',
    },
    toJson: (message) => JSON.parse(write(message).toString()),
  };
}

function pathOf({ parent, name }: DescMethod): string {
  return `/${parent.typeName}/${name}`;
}
