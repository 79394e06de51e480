import type { HttpLoad } from '../load/http.js';
import type { Databases, Place } from '../servers/place.js';
import { insertShops, type Shop } from './catalogue.js';
import type { Point } from './turns.js';

/** A measurement of opens while one quantity grows. */
export interface Curve {
  readonly name: string;
  /** Its description in the help, one line. */
  readonly about: string;
  /** Measures it. A failed point is reported, and the others go on. */
  readonly measure: (study: Study) => Promise<void>;
}

/** The means of a curve's measurement, and the receivers of its figures. */
export interface Study {
  readonly databases: Databases;
  readonly load: HttpLoad;
  readonly rounds: number;
  /** The length of a round in ms. */
  readonly ms: number;
  /** The warm-up of a new process, in ms. */
  readonly warmUpMs: number;
  /** Whether a short run is enough, which only shows that the curve works. */
  readonly isQuick: boolean;
  /** Numbers of stored conversations; the curve's own unless set. */
  readonly stored: readonly number[] | undefined;
  /** The time limit for filling a database, in ms. */
  readonly fillMs: number;
  /** Prints progress. */
  readonly print: (line: string) => void;
  /** Prints why the curve is not measured. */
  readonly skip: (why: string) => void;
  readonly onFailure: (where: string, error: unknown) => void;
  /** Saves all points of the curve so far. */
  readonly record: (points: readonly Point[]) => Promise<void>;
}

/** The connections of all curves but the one over connections. */
export const CONNECTIONS = 64;

/** Writes shops to the database of a place whose service is up. */
export async function addShops(place: Place, shops: readonly Shop[]): Promise<void> {
  const database = await place.open();
  await insertShops(database, shops).finally(() => database.close());
}
