import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { systemErrorCode } from './local-error.ts';

/** Who holds it: a process that listens there, and says this word to whoever connects. */
const holderSchema = z.object({ pid: z.int(), port: z.int(), word: z.string() });

export type Hold =
  /** `release` may be called twice. */
  | { readonly kind: 'held'; release(): Promise<void> }
  /** Another process that lives has it. */
  | { readonly kind: 'taken'; readonly pid: number };

/** The process that holds a file; undefined where none does that lives. */
export async function holderOf(file: string): Promise<number | undefined> {
  const holder = await readHolder(file);
  return holder !== undefined && (await answers(holder)) ? holder.pid : undefined;
}

/** Until a holder has said its word. */
const answerMilliseconds = 2_000;

/**
 * Holds a file as the only process that does. What a process that was killed left is taken over: whoever holds it
 * answers, which the number of a process does not prove, as those are given again.
 */
export async function holdAlone(file: string): Promise<Hold> {
  const word = randomUUID();
  const server = createServer((socket) => socket.on('error', () => {}).end(word));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  server.unref();
  const mine = JSON.stringify({ pid: process.pid, port: portOf(server), word });
  for (;;) {
    if (await created(file, mine)) break;
    const holder = await readHolder(file);
    if (holder !== undefined && (await answers(holder))) {
      server.close();
      return { kind: 'taken', pid: holder.pid };
    }
    await rm(file, { force: true });
  }
  return {
    kind: 'held',
    async release() {
      server.close();
      if ((await readHolder(file))?.word === word) await rm(file, { force: true });
    },
  };
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('whoever asks for the holder reaches no port');
  return address.port;
}

async function created(file: string, text: string): Promise<boolean> {
  try {
    await writeFile(file, text, { flag: 'wx' });
    return true;
  } catch (error) {
    if (systemErrorCode(error) === 'EEXIST') return false;
    throw error;
  }
}

/** Undefined for what nobody wrote whole. */
async function readHolder(file: string): Promise<z.infer<typeof holderSchema> | undefined> {
  for (const pause of [0, 100]) {
    // It is made before it is written.
    await sleep(pause);
    try {
      return holderSchema.parse(JSON.parse(await readFile(file, 'utf8')));
    } catch (error) {
      if (systemErrorCode(error) === 'ENOENT') return undefined;
      if (!(error instanceof SyntaxError || error instanceof z.ZodError)) throw error;
    }
  }
  return undefined;
}

async function answers({ port, word }: z.infer<typeof holderSchema>): Promise<boolean> {
  const socket = connect({ port, host: '127.0.0.1' });
  socket.setTimeout(answerMilliseconds, () => socket.destroy());
  let heard = '';
  socket.setEncoding('utf8').on('data', (text: string) => (heard += text));
  socket.on('error', () => {});
  await new Promise<void>((closed) => socket.once('close', () => closed()));
  return heard === word;
}
