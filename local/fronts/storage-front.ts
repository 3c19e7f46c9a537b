import { once } from 'node:events';
import { Agent, createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { lostAnswerOf, type LostAnswers } from './lost-answers.ts';
import { portOf } from './proxy.ts';
import {
  rightsOf,
  type AccountClass,
  type Denial,
  type StorageAccount,
  type StorageGrant,
  type StorageRights,
} from './storage-grants.ts';
import { mutatedBy, storageRequestOf, type StorageRequest } from './storage-request.ts';
import { limitWrites, storageError, type Asked, type StorageAnswer } from './write-limit.ts';
import { keptAlive } from '../kept-alive.ts';

/** What the local Storage server does not hold to, and Cloud Storage does. */
export interface StorageFront {
  /** `http://127.0.0.1:PORT` for one kind of client. The limit of writes is one for all of them. */
  open(client: StorageClient): Promise<string>;
  stop(): Promise<void>;
}

export interface StorageClient {
  /** Whose rights it has; absent: those of the owner. */
  readonly account?: StorageAccount;
  /** Whose `account` is, where each class has one. */
  readonly accountClass?: AccountClass;
  /** Which of its writes are done without its hearing so. */
  readonly lost?: LostAnswers;
}

/** One request, whatever becomes of it. */
export interface StorageCall {
  /** Undefined: the owner's. */
  readonly account: StorageAccount | undefined;
  readonly asked: Asked;
}

/**
 * @param options.target `http://127.0.0.1:PORT` of the server
 * @param options.grants absent: those of `terraform/`
 */
export function createStorageFront({
  target,
  onCall,
  ...context
}: {
  target: string;
  stateBucket: string;
  grants?: readonly StorageGrant[];
  onCall?: (call: StorageCall) => void;
}): StorageFront {
  const limit = limitWrites();
  const stops: (() => Promise<void>)[] = [];
  const send = senderTo(new URL(target));
  return {
    async open({ account, accountClass, lost }) {
      const lostOf = lost === undefined ? undefined : lostAnswerOf(lost);
      const rights =
        account === undefined
          ? undefined
          : rightsOf(account, { ...context, ...(accountClass === undefined ? {} : { accountClass }) });
      const who = [account, accountClass?.name].filter((part) => part !== undefined).join('-');
      const handle = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
        const asked: Asked = { method: incoming.method ?? '', path: incoming.url ?? '' };
        onCall?.({ account, asked });
        const refusal = (await denialOf({ asked, who, rights, send })) ?? limit.refusalOf(asked);
        if (refusal !== undefined) return refuse({ incoming, outgoing, refusal });
        const answered = await send({ asked, headers: incoming.headers, body: incoming });
        limit.note({ status: answered.statusCode ?? 500 }, asked);
        const how = mutatedBy(asked) === undefined ? undefined : lostOf?.(asked);
        if (how !== undefined) return lose({ incoming, outgoing, answered, how });
        if (answered.statusCode === 404 && isHidden(storageRequestOf(asked), rights))
          return refuse({ incoming, outgoing, refusal: denied({ who, denial: mayNotList }), answered });
        outgoing.writeHead(answered.statusCode ?? 502, answered.rawHeaders);
        await pipeline(answered, outgoing);
      };
      const server = createServer(keptAlive, (incoming, outgoing) => {
        handle(incoming, outgoing).catch(() => incoming.socket.destroy());
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      stops.push(async () => {
        const closed = once(server, 'close');
        server.close();
        server.closeAllConnections();
        await closed;
      });
      return `http://127.0.0.1:${portOf(server.address())}`;
    },
    async stop() {
      await Promise.all(stops.splice(0).map((stop) => stop()));
    },
  };
}

type Send = (request: {
  asked: Asked;
  headers: IncomingMessage['headers'];
  body?: IncomingMessage;
}) => Promise<IncomingMessage>;

/** Hands a request on as it came. Links in the answers lead to whom the client asked. */
function senderTo({ hostname, port }: URL): Send {
  const agent = new Agent({ keepAlive: true });
  return async ({ asked, headers, body }) => {
    const request = httpRequest({ hostname, port, ...asked, agent, headers });
    const answered = new Promise<IncomingMessage>((resolve, reject) => {
      request.once('response', resolve);
      request.once('error', reject);
    });
    if (body === undefined) request.end();
    // An answer may come before all of the body is sent.
    else await Promise.race([pipeline(body, request), answered]);
    return answered;
  };
}

async function denialOf({
  asked,
  who,
  rights,
  send,
}: {
  asked: Asked;
  who: string;
  rights: StorageRights | undefined;
  send: Send;
}): Promise<StorageAnswer | undefined> {
  if (rights === undefined) return undefined;
  const request = storageRequestOf(asked);
  const denial =
    rights.denialOf(request, false) ??
    (request.does === 'write' && rights.denialOf(request, true) !== undefined && (await isThere(request, send))
      ? rights.denialOf(request, true)
      : undefined);
  return denial === undefined ? undefined : denied({ who, denial });
}

async function isThere({ bucket, object }: Extract<StorageRequest, { does: 'write' }>, send: Send): Promise<boolean> {
  if (object === undefined) return false;
  const path = `/storage/v1/b/${bucket}/o/${encodeURIComponent(object)}`;
  const answered = await send({ asked: { method: 'GET', path }, headers: { host: 'storage' } });
  answered.resume();
  return answered.statusCode === 200;
}

function isHidden(request: StorageRequest, rights: StorageRights | undefined): boolean {
  if (rights === undefined || request.does === 'other' || request.does === 'list') return false;
  return !rights.mayList(request.bucket);
}

/** What Cloud Storage says to who may read an object, and may not know that there is none. */
const mayNotList: Denial = { permission: 'storage.objects.list', object: undefined };

/** In the words of Cloud Storage. */
function denied({ who, denial }: { who: string; denial: Denial }): StorageAnswer {
  const { permission, object } = denial;
  const what = object === undefined ? 'bucket' : 'object';
  const message = `${who}@local.iam.gserviceaccount.com does not have ${permission} access to the Google Cloud Storage ${what}. Permission '${permission}' denied on resource (or it may not exist).`;
  return storageError({ status: 403, message, domain: 'global', reason: 'forbidden' });
}

function refuse({
  incoming,
  outgoing,
  refusal,
  answered,
}: {
  incoming: IncomingMessage;
  outgoing: ServerResponse;
  refusal: StorageAnswer;
  answered?: IncomingMessage;
}): void {
  answered?.resume();
  incoming.resume();
  outgoing.writeHead(refusal.status, { 'content-type': 'application/json; charset=UTF-8' }).end(refusal.body);
}

/** What was asked is done, and the client does not hear so. */
async function lose({
  incoming,
  outgoing,
  answered,
  how,
}: {
  incoming: IncomingMessage;
  outgoing: ServerResponse;
  answered: IncomingMessage;
  how: 'cut' | 'unavailable';
}): Promise<void> {
  answered.resume();
  await once(answered, 'end');
  if (how === 'cut') return void incoming.socket.destroy();
  const message = 'Backend Error';
  const refusal = storageError({ status: 503, message, domain: 'global', reason: 'backendError' });
  refuse({ incoming, outgoing, refusal });
}
