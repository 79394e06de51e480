import { readFile } from 'node:fs/promises';
import { messageOf, StartError } from './start-error.js';

/** Reads the text file that a variable names. @throws StartError */
export async function readText(name: string, file: string | URL, fileName = String(file)): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new StartError(`${name} ${fileName} cannot be read: ${messageOf(error)}`);
  }
}
