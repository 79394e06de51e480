import { fromJson, toJson } from '@bufbuild/protobuf';
import type { TenantSpec } from '../catalog/tenant-spec.js';
import {
  type TenantDefinition,
  TenantDefinitionSchema,
} from '../gen/protobuf-es/chatsessions/v1/catalog_pb.js';

/** The message of a tenant in a tenant file. Their members have the same names, and JSON has the same times. */
export function toTenantMessage(tenant: TenantSpec): TenantDefinition {
  return fromJson(TenantDefinitionSchema, JSON.parse(JSON.stringify(tenant)));
}

/** A tenant file of one tenant. What has its default value is left out, as people write it. */
export function toTenantFile(definition: TenantDefinition): { readonly tenants: readonly unknown[] } {
  return { tenants: [toJson(TenantDefinitionSchema, definition)] };
}
