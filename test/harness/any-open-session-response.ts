import fc from 'fast-check';
import type { OpenSessionResponse } from '../../src/gen/ts-proto/chatsessions/v1/chat_sessions.js';

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 8 }),
  fc.string({ unit: 'grapheme', maxLength: 8 }),
);
const maybe = (arbitrary: fc.Arbitrary<string>) => fc.option(arbitrary, { nil: undefined });

/** Any answer to an open. */
export const anyOpenSessionResponse: fc.Arbitrary<OpenSessionResponse> = fc.record({
  sessionToken: text,
  conversationId: text,
  expiresAt: fc.record({ seconds: fc.integer({ min: 0, max: 4_000_000_000 }), nanos: fc.constant(0) }),
  widget: fc.option(fc.record({ label: text }), { nil: undefined }),
  intents: fc.array(
    fc.record({
      name: text,
      displayLabel: text,
      subtitle: maybe(text),
      description: maybe(text),
      examples: fc.array(text, { maxLength: 3 }),
      requiredEntities: fc.array(text, { maxLength: 3 }),
      icon: fc.option(fc.record({ kind: text, value: text }), { nil: undefined }),
      accentColor: maybe(text),
      styleVariant: text,
      isPinned: fc.boolean(),
      priority: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
    }),
    { maxLength: 3 },
  ),
  quickQuestions: fc.array(
    fc.record({ question: text, pageType: text, flowId: maybe(text), intentName: maybe(text) }),
    {
      maxLength: 3,
    },
  ),
});
