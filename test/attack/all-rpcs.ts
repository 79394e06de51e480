import { endConversation } from '../../src/conversations/end-conversation.js';
import { eraseCustomer } from '../../src/conversations/erase-customer.js';
import { exportCustomer } from '../../src/conversations/export-customer.js';
import { getConversation } from '../../src/conversations/get-conversation.js';
import { listConversations } from '../../src/conversations/list-conversations.js';
import { updateVariables } from '../../src/conversations/update-variables.js';
import { watchConversations } from '../../src/conversations/watch-conversations.js';
import { ChatSessions } from '../../src/gen/protobuf-es/chatsessions/v1/chat_sessions_pb.js';
import type { AnyRpc, AnyStreamRpc } from '../../src/rpc/rpc.js';
import { endSession } from '../../src/sessions/end-session.js';
import { getSession } from '../../src/sessions/get-session.js';
import { openSession } from '../../src/sessions/open-session.js';
import { refreshSession } from '../../src/sessions/refresh-session.js';
import { verifySession } from '../../src/sessions/verify-session.js';

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
  updateVariables(nothing),
  endConversation(nothing),
  eraseCustomer(nothing),
  exportCustomer(nothing),
  watchConversations(nothing),
];

const missing = ChatSessions.methods.filter(
  ({ name }) => !allRpcs.some(({ method }) => method.name === name),
);
if (missing.length > 0) throw new Error(`not listed: ${missing.join(', ')}`);
