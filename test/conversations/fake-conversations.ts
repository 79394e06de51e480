import type { RecentConversations } from '../../src/conversations/recent-conversations.js';

const unexpected = (): never => {
  throw new Error('the test does not expect this method to be called');
};

/** A store with these methods alone: any other fails the test that calls it. */
export function fakeConversations(methods: Partial<RecentConversations>): RecentConversations {
  return {
    insert: unexpected,
    find: unexpected,
    findRecent: unexpected,
    findAll: unexpected,
    findChanged: unexpected,
    replace: unexpected,
    list: unexpected,
    listRows: unexpected,
    erase: unexpected,
    deleteOfTenant: unexpected,
    changedSince: unexpected,
    ...methods,
  };
}
