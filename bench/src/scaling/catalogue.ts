import type { Flow, FlowIntent, Tenant, WidgetKey } from 'chatsessions/catalog/model.js';
import type { Database } from 'chatsessions/mongo/database.js';
import { mongoCatalog } from 'chatsessions/mongo/mongo-catalog.js';
import { v5 as uuidV5 } from 'uuid';

/** A tenant of a measurement, and its widget key. The same number always makes the same shop. */
export interface Shop {
  readonly tenant: Tenant;
  readonly key: WidgetKey;
}

const NAMESPACE = '0f2f6c52-4f4c-4d0e-8a3e-6a3d9a3b5d10';
/** The intents of an ordinary shop. */
const INTENTS = 6;
const QUESTIONS = ['Where is my order?', 'Can I return it?', 'Is this in stock?', 'Do you wrap presents?'];
const PAGES = ['general', 'cart', 'product', 'cart'] as const;
/** Writes in flight. */
const WIDTH = 32;

/** Makes the shop with a number, with so many intents in each answer. */
export function shop(number: number, intents = INTENTS): Shop {
  const name = `shop-${number}-${intents}`;
  const tenantId = uuidV5(name, NAMESPACE);
  const flows = Array.from({ length: intents }, (_, index) => flow(index, tenantId));
  return {
    tenant: {
      id: tenantId,
      slug: name,
      name: `Shop ${number}`,
      flows,
      quickQuestions: QUESTIONS.map((question, index) => ({
        question,
        pageType: PAGES[index] ?? 'general',
        flowId: flows[index]?.id,
      })),
      revision: 1,
    },
    key: {
      id: uuidV5('key', tenantId),
      tenantId,
      publicKey: `pk_live_${uuidV5('public key', tenantId).replaceAll('-', '')}`,
      name: 'shop',
      label: `Shop ${number}`,
      allowedOrigins: ['http://localhost:*'],
      allowMissingOrigin: false,
      originMode: 'enforce',
      allowsAllIntents: true,
      allowedIntents: [],
      enabled: true,
      endsAt: undefined,
      identity: 'off',
      identitySecretGeneration: 1,
      revision: 1,
    },
  };
}

/** Writes shops to the catalogue. */
export async function insertShops(database: Database, shops: readonly Shop[]): Promise<void> {
  const catalog = mongoCatalog(database);
  const waiting = shops.values();
  const write = async () => {
    for (const { tenant, key } of waiting) {
      await catalog.insertKey(key);
      await catalog.insertTenant(tenant);
    }
  };
  await Promise.all(Array.from({ length: WIDTH }, write));
}

const TOPICS = [
  'order',
  'return',
  'invoice',
  'delivery',
  'warranty',
  'gift card',
  'appointment',
  'subscription',
];
const ICONS = ['📦', '↩️', '🧾', '🚚', '🔧', '🎁', '📅', '🔁'];

function flow(index: number, tenantId: string): Flow {
  const topic = TOPICS[index % TOPICS.length] ?? '';
  const intent: FlowIntent = {
    name: `${topic.replace(' ', '_')}_${index}`,
    displayLabel: `Ask about your ${topic} (${index})`,
    subtitle: `All that we know of a ${topic}`,
    description: `Looks up a ${topic} by its number and says where it is, what it costs and what comes next`,
    examples: [`Where is my ${topic}?`, `I have a question about a ${topic}`, `Change my ${topic}, please`],
    requiredEntities: [`${topic.replace(' ', '_')}_number`],
    icon: { kind: 'emoji', value: ICONS[index % ICONS.length] ?? '' },
    accentColor: '#2563eb',
    styleVariant: index % 2 ? 'outline' : 'solid',
    isPinned: index === 0,
    priority: 200 - index,
  };
  return { id: uuidV5(`flow ${index}`, tenantId), slug: `flow-${index}`, published: true, intent };
}
