import { subscribe } from 'node:diagnostics_channel';
import type { IncomingMessage, Server } from 'node:http';
import { ConvergeError } from '../shared/base/errors.ts';

/*
 * The functions framework reads, inflates and parses every body, up to a gibibyte, before a function is asked: 388 kB
 * of gzip took 1.7 GB, from callers that nobody had let in. So its parsers are shown no body (they look for
 * `content-length` and `transfer-encoding`), and a function reads one itself, behind its door and up to a limit.
 */

interface HeldBack {
  readonly encoding: string | undefined;
  readonly length: string | undefined;
}

const heldBack = new WeakMap<IncomingMessage, HeldBack>();

/** Milliseconds until a body is here: Git hosts wait ten seconds for an answer, and Google's services are near. */
const patience = 20_000;
/** Bytes of bodies that one instance holds at a time, over all calls. */
const bytesAtOnce = 64 * 1024 * 1024;
let bytesHeld = 0;

/** Hides a body from whoever parses bodies. Calling it again does nothing. */
function holdBackBody(request: IncomingMessage): void {
  if (heldBack.has(request)) return;
  const { headers } = request;
  heldBack.set(request, { encoding: headers['content-encoding'], length: headers['content-length'] });
  for (const name of ['content-encoding', 'content-length', 'transfer-encoding']) delete headers[name];
}

/**
 * The body of a call.
 *
 * @param limit bytes
 * @param milliseconds until it is here
 * Throws `TooLarge` (refuse) beyond the limit, unread where the call says its length, `UnreadableBody` (refuse) for one
 * that is compressed, cut off or too slow, and `Overloaded` (retry) where the instance holds as many bodies as it can.
 */
export async function readBody(
  request: IncomingMessage & { rawBody?: Buffer },
  { limit, milliseconds = patience }: { limit: number; milliseconds?: number },
): Promise<Buffer> {
  holdBackBody(request);
  const { encoding, length } = heldBack.get(request) ?? { encoding: undefined, length: undefined };
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    throw refused(
      'UnreadableBody',
      `its body is encoded as ${JSON.stringify(encoding.slice(0, 40))}, and nothing is unpacked`,
    );
  }
  if (length !== undefined && Number(length) > limit)
    throw refused('TooLarge', `its body has ${length} bytes, and ${limit} are taken`);
  if (request.rawBody !== undefined) {
    if (request.rawBody.length > limit)
      throw refused('TooLarge', `its body has more than the ${limit} bytes that are taken`);
    return request.rawBody;
  }
  const parts: AsyncIterator<Uint8Array> = request[Symbol.asyncIterator]();
  const late = Promise.withResolvers<never>();
  const tooSlow = refused('UnreadableBody', `its body was not here in ${milliseconds / 1000} s`);
  const timer = setTimeout(() => late.reject(tooSlow), milliseconds);
  try {
    return await wholeOf({ next: async () => Promise.race([parts.next(), late.promise]), limit });
  } catch (error) {
    // It may be waiting for a part that never comes.
    void parts.return?.().catch(() => undefined);
    if (error instanceof ConvergeError) throw error;
    throw new ConvergeError({
      code: 'UnreadableBody',
      subject: 'call',
      message: 'its body was cut off',
      disposition: 'refuse',
      cause: error,
    });
  } finally {
    clearTimeout(timer);
  }
}

async function wholeOf({
  next,
  limit,
}: {
  next: () => Promise<IteratorResult<Uint8Array>>;
  limit: number;
}): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for (let part = await next(); part.done !== true; part = await next()) {
      const bytes = Buffer.from(part.value);
      size += bytes.length;
      bytesHeld += bytes.length;
      if (size > limit) throw refused('TooLarge', `its body has more than the ${limit} bytes that are taken`);
      if (bytesHeld > bytesAtOnce) {
        throw new ConvergeError({
          code: 'Overloaded',
          subject: 'call',
          message: `the bodies of all calls have more than ${bytesAtOnce} bytes at the moment`,
          disposition: 'retry',
        });
      }
      chunks.push(bytes);
    }
  } finally {
    bytesHeld -= size;
  }
  return Buffer.concat(chunks);
}

function refused(code: 'UnreadableBody' | 'TooLarge', message: string): ConvergeError {
  return new ConvergeError({ code, subject: 'call', message, disposition: 'refuse' });
}

// Told of each request before any listener of its server: https://nodejs.org/api/diagnostics_channel.html#http
subscribe('http.server.request.start', (told) => {
  if (!isStart(told) || !servesFramework(told.server)) return;
  holdBackBody(told.request);
  hideUnreadablePath(told.request);
});

/** The framework prints the stack of what a path that cannot be decoded makes it throw: a line of anybody's making. */
function hideUnreadablePath(request: IncomingMessage): void {
  try {
    decodeURIComponent(request.url?.split('?', 1)[0] ?? '');
  } catch {
    request.url = '/';
  }
}

function isStart(told: unknown): told is { request: IncomingMessage; server: Server } {
  return typeof told === 'object' && told !== null && 'request' in told && 'server' in told;
}

/** The framework's listener is an Express application; another server of this process is none of ours. */
function servesFramework(server: Server): boolean {
  return server.listeners('request').some((listener) => 'handle' in listener && 'settings' in listener);
}
