import { fromJson, toJson } from '@bufbuild/protobuf';
import type { TenantSpec } from '../catalog/tenant-spec.js';
import {
  type TenantDefinition,
  TenantDefinitionSchema,
  type WidgetKeyDefinition,
  WidgetKeyDefinitionSchema,
} from '../gen/protobuf-es/chatsessions/v1/catalog_pb.js';

/**
 * The message of a tenant in a tenant file. Their members have the same names. A key without a name in the file has none
 * in the message either: the service finds it by its public key or label.
 */
export function toTenantMessage(tenant: TenantSpec): TenantDefinition {
  const widgetKeys = tenant.widgetKeys.map(({ isNamed, name, ...key }) => (isNamed ? { name, ...key } : key));
  return fromJson(TenantDefinitionSchema, JSON.parse(JSON.stringify({ ...tenant, widgetKeys })));
}

/** A tenant file of one tenant. What has its default value is left out, as people write it. */
export function toTenantFile(definition: TenantDefinition): { readonly tenants: readonly unknown[] } {
  const { slug, name, ...lists } = Object(toJson(TenantDefinitionSchema, definition));
  const widgetKeys = definition.widgetKeys.map(toKeyOfFile);
  return { tenants: [{ slug, name, ...lists, ...(widgetKeys.length > 0 && { widgetKeys }) }] };
}

/** A key as in a tenant file, which must say what it allows even if that is nothing. */
function toKeyOfFile(key: WidgetKeyDefinition): unknown {
  const { allowedIntents = [], ...members } = Object(toJson(WidgetKeyDefinitionSchema, key));
  return key.allowsAllIntents ? members : { ...members, allowedIntents };
}
