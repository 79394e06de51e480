import { endConversation } from '../../src/api/end-conversation.js';
import { endCustomerSessions } from '../../src/api/end-customer-sessions.js';
import { endSession } from '../../src/api/end-session.js';
import { eraseCustomer } from '../../src/api/erase-customer.js';
import { exportCustomer } from '../../src/api/export-customer.js';
import { getConversation } from '../../src/api/get-conversation.js';
import { getSession } from '../../src/api/get-session.js';
import { listConversations } from '../../src/api/list-conversations.js';
import { openSession } from '../../src/api/open-session.js';
import { refreshSession } from '../../src/api/refresh-session.js';
import { updateConversation } from '../../src/api/update-conversation.js';
import { verifySession } from '../../src/api/verify-session.js';
import { watchConversations } from '../../src/api/watch-conversations.js';
import { ChatSessions } from '../../src/gen/protobuf-es/chatsessions/v1/chat_sessions_pb.js';
import type { AnyRpc, AnyStreamRpc } from '../../src/rpc/rpc.js';

// The cast is safe: only handlers use what they are made of, and none is called here.
const nothing = {} as never;

/** Every RPC of the service with its codec and its rules. Their handlers must not be called. */
export const allRpcs: readonly (AnyRpc | AnyStreamRpc)[] = [
  openSession(nothing),
  getSession(nothing),
  refreshSession(nothing),
  endSession(nothing),
  verifySession(nothing),
  getConversation(nothing),
  listConversations(nothing),
  updateConversation(nothing),
  endConversation(nothing),
  endCustomerSessions(nothing),
  eraseCustomer(nothing),
  exportCustomer(nothing),
  watchConversations(nothing),
];

const missing = ChatSessions.methods.filter(
  ({ name }) => !allRpcs.some(({ method }) => method.name === name),
);
if (missing.length > 0) throw new Error(`not listed: ${missing.join(', ')}`);
