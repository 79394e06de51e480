import { setTimeout as sleep } from 'node:timers/promises';
import type { Attack, AttackContext, Outcome } from '../attack.js';
import { FRAME, frame, grpcFields, headerBlock, SETTING, uint32, unaryCall } from '../h2.js';
import { openH2 } from '../h2-connection.js';
import { flood, openRequest } from '../http.js';
import { figure } from '../tally.js';

const WATCH_PATH = '/chatsessions.v1.ChatSessions/WatchConversations';
/** Opens under way while their rate is measured. */
const OPENS = 16;
/** How much of the rate of opens must be left: 0.9 on a quiet machine. */
const LEFT = 0.7;
/** The largest window (RFC 9113, section 6.9.1). */
const MAX_WINDOW = 0x7fffffff;

/** Watches that read, or do not. Needs an engine caller's token. */
function watch(count: number, isRead: boolean): Attack['run'] {
  return async ({ target, ms }: AttackContext): Promise<Outcome> => {
    const opens = () => flood(target, () => openRequest(target), { connections: OPENS, ms: ms / 3 });
    // The first is for the service's warming up.
    await opens();
    const { rate: before } = await opens();

    const window = isRead ? MAX_WINDOW : 0;
    const connection = await openH2(target, { settings: [[SETTING.initialWindowSize, window]] });
    if (isRead) connection?.write(frame(FRAME.windowUpdate, 0, 0, uint32(MAX_WINDOW - 65_535)));
    const fields = headerBlock(grpcFields(WATCH_PATH, target.engineToken));
    const message = Buffer.concat([Buffer.from([0x0a, target.tenant.length]), Buffer.from(target.tenant)]);
    for (let n = 0; n < count; n++) connection?.write(unaryCall(2 * n + 1, fields, message));
    await sleep(500);

    const { rate: beside } = await opens();
    const refused = connection?.ended.size ?? count;
    connection?.socket.destroy();
    const ratio = beside / before;
    return {
      sent: `${count} watches on one connection`,
      seen: `${refused} refused; opens ${figure(before)}/s → ${figure(beside)}/s beside (${ratio.toFixed(2)})`,
      faults: [
        ...(ratio < LEFT ? [`opens are ${ratio.toFixed(2)} of what they were`] : []),
        ...(refused === 0 ? [`one caller has ${count} watches: none was refused`] : []),
      ],
    };
  };
}

export const watcherAttacks: readonly Attack[] = [
  {
    name: 'watchers-unread',
    shows: '500 watches whose window takes nothing: opens beside them (gRPC, with a token)',
    seconds: 12,
    quickSeconds: 2.4,
    run: watch(500, false),
  },
  {
    name: 'watchers-read',
    shows: '150 watches that read: opens beside them (gRPC, with a token)',
    seconds: 12,
    run: watch(150, true),
  },
];
