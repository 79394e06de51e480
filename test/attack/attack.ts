/** Where one of the service's servers listens: a loopback address. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** The service under attack, as attackers and visitors reach it. */
export interface Target {
  readonly http: Address;
  readonly grpc: Address;
  /** A widget key that opens sessions without an Origin header. */
  readonly publicKey: string;
  /** The slug of its tenant. */
  readonly tenant: string;
  /** Bearer token of an engine caller; none where the engine surface asks for none. */
  readonly engineToken?: string | undefined;
  /** The address that attackers call from, other than the visitors': limits per address must not meet visitors. */
  readonly attackFrom?: string | undefined;
}

/** What an attack is given. */
export interface AttackContext {
  readonly target: Target;
  /** How long it may go on, in ms. Expectations that need longer are left out. */
  readonly ms: number;
}

/** What an attack saw. What is the same for all attacks (visitors, memory, log, descriptors) is judged elsewhere. */
export interface Outcome {
  /** What was sent, for the eye: `12,000 requests`. */
  readonly sent: string;
  /** What came of it, for the eye: `404 × 11,990, closed × 10`. */
  readonly seen: string;
  /** The expectations that were not met, one sentence each; none when the service held. */
  readonly faults: readonly string[];
}

/** The share of a visitor's calls that may fail while the attack is on, from 0 (the default) to 1. */
export interface Tolerance {
  /** Calls that are refused at once, with 503, 429 or the gRPC codes for the same. */
  readonly refused?: number;
  /** Failures of any kind, of the port that is under attack. */
  readonly http?: number;
  readonly grpc?: number;
  /** The p99 of good opens in ms, where visitors have to wait their turn behind attackers who each get theirs. */
  readonly p99Ms?: number;
}

/** One attack, with no more than a stranger on the network has unless it says so. */
export interface Attack {
  readonly name: string;
  /** What it shows, in a line. */
  readonly shows: string;
  /** How long it goes on, in seconds. */
  readonly seconds: number;
  /** The same for the short form; left out of it when unset. */
  readonly quickSeconds?: number;
  readonly tolerance?: Tolerance;
  /** Attacks, in a process of its own. It may take a few seconds longer than `ms`, to wait for answers. */
  readonly run: (context: AttackContext) => Promise<Outcome>;
}
