// A client with grpc-js and proto-loader, without generated code: opens a session, verifies its token, and reads the
// details of an error.
import { fileURLToPath } from 'node:url';
import { credentials, loadPackageDefinition, Metadata } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

// From proto files: with a descriptor set, proto-loader takes maps, such as the fields of a Struct, for lists.
const folders = ['../../proto', '../../node_modules/google-proto-files'];
const definition = loadSync(
  ['chatsessions/v1/chat_sessions.proto', 'google/rpc/status.proto', 'google/rpc/error_details.proto'],
  { includeDirs: folders.map((folder) => fileURLToPath(new URL(folder, import.meta.url))), longs: Number },
);
const { ChatSessions } = loadPackageDefinition(definition).chatsessions.v1;
const { ENGINE_TARGET = '127.0.0.1:50051', ENGINE_TOKEN } = process.env;
const client = new ChatSessions(ENGINE_TARGET, credentials.createInsecure());
const metadata = new Metadata();
if (ENGINE_TOKEN) metadata.set('authorization', `Bearer ${ENGINE_TOKEN}`);

function call(method, request) {
  return new Promise((resolve, reject) => {
    client[method](request, metadata, { deadline: Date.now() + 5_000 }, (error, response) =>
      error ? reject(error) : resolve(response),
    );
  });
}

/** Converts an object to google.protobuf.Struct. proto-loader does not: it sends `{cart_total: 129}` as `{}`. */
function toStruct(object) {
  const entries = Object.entries(object).map(([key, value]) => [key, toValue(value)]);
  return { fields: Object.fromEntries(entries) };
}

function toValue(value) {
  if (value === null) return { nullValue: 0 };
  if (Array.isArray(value)) return { listValue: { values: value.map(toValue) } };
  if (typeof value === 'number') return { numberValue: value };
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  throw new TypeError(`variables cannot hold this: ${typeof value}`);
}

const opened = await call('OpenSession', {
  publicKey: 'pk_live_de300000000000000000000000000001',
  customerId: 'u-42',
  variables: toStruct({ cart_total: 129 }),
});
const expiresAt = new Date(opened.expiresAt.seconds * 1000).toISOString();
console.log(`opened: conversation ${opened.conversationId} until ${expiresAt}`);

const session = await call('VerifySession', { token: opened.sessionToken });
const { cart_total: cartTotal } = session.untrusted.variables.fields;
console.log(`verified: customer ${session.customerId}, cart_total ${cartTotal.numberValue}`);

await call('OpenSession', { publicKey: 'pk_live_1', locale: 'en_US' }).catch((error) => {
  const [status] = error.metadata.get('grpc-status-details-bin');
  for (const { type_url: typeUrl, value } of definition['google.rpc.Status'].deserialize(status).details) {
    const detail = definition[typeUrl.slice('type.googleapis.com/'.length)].deserialize(value);
    if (detail.metadata)
      console.log(`refused: ${detail.metadata.code}, HTTP status ${detail.metadata.http_status}`);
    for (const { field, reason } of detail.fieldViolations ?? []) console.log(`  ${field}: ${reason}`);
  }
});
client.close();
