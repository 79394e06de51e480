import { type Suite, type SuiteOptions, type TestOptions } from '@chatsessions/test-harness';
import { type Db, MongoClient } from 'mongodb';
/** The servers that the contract tells apart. Any that is not known by its `buildInfo` is a `mongodb`. */
export type ServerKind = 'embedded' | 'ferretdb' | 'mongodb';
/** A server under test. */
export interface Server {
  readonly kind: ServerKind;
  /** The version that it says it has. */
  readonly version: string;
  readonly uri: string;
  /** Acknowledged by a majority, as the service has it. */
  readonly client: MongoClient;
  close(): Promise<void>;
}
/** A document of any shape, with any `_id`. */
export interface Doc {
  _id?: string | number | object;
  [field: string]: unknown;
}
/** What a test of the contract is given. */
export interface At extends Server {
  /** A database of its own, dropped after the test. */
  readonly db: Db;
}
/** The options that the service reads and writes with. */
export declare const concerns: {
  writeConcern: {
    w: 'majority';
  };
  readConcern: {
    level: 'majority';
  };
  serverSelectionTimeoutMS: number;
};
/** Connects to `MONGODB_URI`, or starts an embedded server where it is not set. */
export declare function openServer(uri?: string | undefined): Promise<Server>;
/** A name that no other run has. */
export declare function newDatabaseName(): string;
/** Declares the tests of one part of the contract. */
export interface ContractSuite {
  (name: string, body: (at: At) => Promise<void>, options?: TestOptions): void;
  readonly server: Server;
  skip: Suite['skip'];
}
/** A suite of the contract, on the server that `openServer` finds: it is known before the tests are declared. */
export declare function contractSuite(name: string, options?: SuiteOptions): Promise<ContractSuite>;
/** What a promise is rejected with. */
export declare function refusal(body: Promise<unknown>): Promise<unknown>;
/** The code of a server's error; undefined for what is none. */
export declare function codeOf(error: unknown): unknown;
