import { type WidgetView, widgetView } from 'chatsessions/catalog/widget-view.js';
import { mongoCatalog } from 'chatsessions/mongo/mongo-catalog.js';
import { ServiceError } from 'chatsessions/rpc/errors.js';
import type { Db } from 'mongodb';
import type { Surface } from './session.js';

/** A usable widget key, and its offer in the form that the peer answers. */
export interface Widget<Offer> {
  readonly view: WidgetView;
  readonly offer: Offer;
}

/**
 * Looks a widget key up and checks that it is enabled and, on the chat surface, that the origin may use it.
 *
 * @throws ServiceError widget_disabled, origin_not_allowed
 */
export type Admit<Offer> = (publicKey: string, surface: Surface, origin?: string) => Promise<Widget<Offer>>;

/** How long a key is cached, in ms. */
const TTL_MS = 5_000;
/** The largest number of cached keys, unknown ones included. */
const MAX_KEYS = 10_000;

/**
 * The catalogue as a team would read it: two look-ups, cached for some seconds. It is generous in two ways: the offer
 * is made once per key instead of per request, and concurrent misses share one look-up. The service's own code computes
 * the offer, which is not what is compared.
 */
export function createCatalog<Offer>(
  db: Db,
  toOffer: (offer: WidgetView['offer']) => Offer,
): { readonly admit: Admit<Offer> } {
  const store = mongoCatalog({
    tenants: db.collection('tenants'),
    widgetKeys: db.collection('widget_keys'),
    identitySecrets: db.collection('identity_secrets'),
  });
  const known = new Map<string, { widget: Promise<Widget<Offer> | undefined>; until: number }>();

  async function load(publicKey: string): Promise<Widget<Offer> | undefined> {
    const key = await store.findKey(publicKey);
    const tenant = key && (await store.findTenant(key.tenantId));
    const view = tenant && widgetView(tenant, key);
    return view && { view, offer: toOffer(view.offer) };
  }

  function find(publicKey: string): Promise<Widget<Offer> | undefined> {
    const cached = known.get(publicKey);
    if (cached && Date.now() < cached.until) return cached.widget;
    const widget = load(publicKey);
    if (known.size >= MAX_KEYS) known.clear();
    known.set(publicKey, { widget, until: Date.now() + TTL_MS });
    widget.catch(() => known.delete(publicKey));
    return widget;
  }

  return {
    async admit(publicKey, surface, origin) {
      const widget = await find(publicKey);
      if (widget?.view.state(Date.now()) !== 'enabled') {
        throw new ServiceError('widget_disabled', 'This widget is disabled.');
      }
      if (surface === 'chat' && !widget.view.origins.decide(origin).passes) {
        throw new ServiceError('origin_not_allowed', 'This widget may not be used from this origin.');
      }
      return widget;
    },
  };
}
