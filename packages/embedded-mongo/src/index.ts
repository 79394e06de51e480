/** The entry point: starts a server of MongoDB's wire protocol on a folder of this machine. */
export {
  type EmbeddedOptions,
  type EmbeddedServer,
  EmbeddedStartError,
  startEmbeddedMongo,
} from './process/start-embedded-mongo.js';
