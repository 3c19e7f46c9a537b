/**
 * The functions framework as one file: what the functions import of it, and its command line. Both must be of one copy,
 * which holds the registered functions.
 */
export { http } from '@google-cloud/functions-framework';

/** Reads `FUNCTION_TARGET` and `PORT`, or its command line, loads the function and listens. */
export async function start(): Promise<void> {
  await import('../../node_modules/@google-cloud/functions-framework/build/src/main.js');
}
