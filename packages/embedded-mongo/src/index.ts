/** The entry point: starts a server of MongoDB's wire protocol on a folder of this machine, and copies such a folder. */
export { BackupError, backupEmbeddedMongo } from './process/backup-folder.js';
export {
  type EmbeddedOptions,
  type EmbeddedServer,
  EmbeddedStartError,
  startEmbeddedMongo,
} from './process/start-embedded-mongo.js';
