import type { HttpLoad } from '../load/http.js';
import type { Databases, Place } from '../servers/place.js';
import { insertShops, type Shop } from './catalogue.js';
import type { Point } from './turns.js';

/** What the cost of an open is measured against. */
export interface Curve {
  readonly name: string;
  /** What it shows, in a line. */
  readonly about: string;
  /** Measures it. What it cannot measure it says, and goes on with the rest. */
  readonly measure: (study: Study) => Promise<void>;
}

/** What a curve is measured with, and where its figures go. */
export interface Study {
  readonly databases: Databases;
  readonly load: HttpLoad;
  readonly rounds: number;
  /** Length of a round. */
  readonly ms: number;
  /** How long a new process is called before it is measured, in ms. */
  readonly warmUpMs: number;
  /** Whether it only has to show that it works. */
  readonly isQuick: boolean;
  /** How many stored conversations to measure with; the curve's own numbers unless set. */
  readonly stored: readonly number[] | undefined;
  /** How long filling a database may take in all. */
  readonly fillMs: number;
  /** Tells how far it is. */
  readonly print: (line: string) => void;
  /** Tells why the curve is not measured. */
  readonly skip: (why: string) => void;
  readonly onFailure: (where: string, error: unknown) => void;
  /** Keeps all points of the curve so far. */
  readonly record: (points: readonly Point[]) => Promise<void>;
}

/** The connections of a measured service, where they are not what is measured. */
export const CONNECTIONS = 64;

/** Writes shops beside the service of a place. */
export async function addShops(place: Place, shops: readonly Shop[]): Promise<void> {
  const database = await place.open();
  await insertShops(database, shops).finally(() => database.close());
}
