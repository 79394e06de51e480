import { playTables, TABLES } from './tables.js';

playTables(TABLES.catalogChanges);
