/** How many tenants a file has, and how much each of them. */
export interface Shape {
  readonly tenants: number;
  readonly flows: number;
  readonly keys: number;
}

/** The public key of a widget key. */
export function keyOf(tenant: number, key: number): string {
  return `pk_live_${(tenant * 1_000 + key).toString(16).padStart(32, '0')}`;
}

/** The text of a tenant file with a YAML document for each tenant. */
export function* applyFile({ tenants, flows, keys }: Shape): Generator<string> {
  for (let tenant = 0; tenant < tenants; tenant++) {
    const lines = ['---', 'tenants:', `  - slug: shop-${tenant}`, `    name: Shop ${tenant}`, '    flows:'];
    for (let flow = 0; flow < flows; flow++) {
      lines.push(
        `      - slug: flow-${flow}`,
        '        published: true',
        `        intent: {name: intent_${flow}, displayLabel: Ask about topic ${flow}, subtitle: All that we know of it,`,
        `          description: "Looks up topic ${flow} by its number, and says where it is and what comes next",`,
        `          examples: ["Where is my topic ${flow}?", "I have a question about topic ${flow}"],`,
        `          icon: {kind: emoji, value: "📦"}, accentColor: "#2563eb", priority: ${flow}}`,
      );
    }
    lines.push(
      '    quickQuestions:',
      '      - {question: "Where is my order?", flow: flow-0}',
      '    widgetKeys:',
    );
    for (let key = 0; key < keys; key++) {
      lines.push(
        `      - {name: key-${key}, publicKey: ${keyOf(tenant, key)}, label: Shop ${tenant},`,
        '         allowedOrigins: ["http://localhost:*", "https://shop.example"], allowsAllIntents: true}',
      );
    }
    yield `${lines.join('\n')}\n`;
  }
}
