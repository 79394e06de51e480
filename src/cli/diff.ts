import {
  type ApplyTenantResponse,
  type CatalogChange,
  CatalogChange_Kind as Kind,
} from '../gen/protobuf-es/chatsessions/v1/catalog_pb.js';
import { type Paint, visible } from './terminal/style.js';

/** Describes the changes of a tenant as a diff, a line for each. */
export function describeChanges(
  tenant: string,
  { changes, warnings, revision, madeKeys }: ApplyTenantResponse,
  paint: Paint,
): string {
  return [
    `${paint('bold', visible(tenant))} ${paint('dim', `revision ${revision}`)}${changes.length === 0 ? ': no changes' : ''}`,
    ...changes.map((change) => `  ${describe(change, paint)}`),
    ...madeKeys.map(({ name, publicKey }) => `  new public key of ${visible(name)}: ${visible(publicKey)}`),
    ...warnings.map((warning) => paint('yellow', `  warning: ${visible(warning)}`)),
  ].join('\n');
}

/** Whether a change is written: a key that the definition does not name stays as it is. */
export function isWritten({ kind }: CatalogChange): boolean {
  return kind !== Kind.KEPT;
}

function describe({ kind, path, before, after }: CatalogChange, paint: Paint): string {
  const [at, from, to] = [visible(path), visible(before), visible(after)];
  switch (kind) {
    case Kind.ADDED:
      return paint('green', `+ ${at}  ${to}`.trimEnd());
    case Kind.REMOVED:
      return paint('red', `- ${at}  ${from}`.trimEnd());
    case Kind.DISABLED:
      return paint('red', `! ${at}  disabled: not in the file`);
    case Kind.KEPT:
      return paint('dim', `= ${at}  kept as it is: not in the file (--prune disables it)`);
    default:
      return paint('yellow', `~ ${at}  ${from} → ${to}`);
  }
}
