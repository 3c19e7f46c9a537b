import { Agent, type Dispatcher } from 'undici';
import type { ConvergeError } from '../../base/errors.ts';
import { patience } from '../patience.ts';

/** Where an API server answers, with the connections that are kept to it. */
export interface Endpoint {
  /** A URL without a slash at its end. */
  readonly server: string;
  readonly dispatcher: Dispatcher;
}

/**
 * A way to reach one cluster. What it knows is kept while the instance lives, and found out again when the cluster no
 * longer takes it.
 */
export interface Access {
  endpoint(): Promise<Endpoint>;
  /**
   * What authenticates a request, lower-case names: asked for each request, so that nothing is sent that ends
   * meanwhile.
   */
  credentials(): Promise<Readonly<Record<string, string>>>;
  /** The API server answered 401 to these credentials: whether there are others now. */
  renewCredentials(refused: { endpoint: Endpoint; credentials: Readonly<Record<string, string>> }): Promise<boolean>;
  /**
   * There was no connection, or its certificate was not trusted: finds out anew where the cluster is, unless that was
   * done meanwhile.
   */
  lookAgain(failed: Endpoint): Promise<void>;
  /** What an answer means that is not the API server's but of what stands before it. */
  explainFrontEnd(answer: { status: number; message: string }): ConvergeError;
}

/** Requests in flight to one API server; more were slower on small machines. */
const connections = 8;

// HTTP/2 was measured slower than eight connections of HTTP/1.1.
export const connectionLimits = {
  connections,
  allowH2: false,
  headersTimeout: patience.kubernetes.answer,
  bodyTimeout: patience.kubernetes.answer,
};

/** Connections that trust an authority (PEM), or the usual ones. */
export function trusting(ca: string | undefined): Dispatcher {
  return new Agent({ ...connectionLimits, ...(ca === undefined ? {} : { connect: { ca } }) });
}

/**
 * Lets the requests under way come to their end. One that comes later is refused, and finds the newer endpoint at its
 * next try.
 */
export function closeWhenIdle({ dispatcher }: Endpoint): void {
  dispatcher.close().catch(() => {});
}

/** Lets all who ask while it is under way share one piece of work: requests fail together where a cluster moves. */
export function shared<T>(work: (asked: T) => Promise<void>): (asked: T) => Promise<void> {
  let underWay: Promise<void> | undefined;
  return async (asked) => {
    underWay ??= work(asked).finally(() => {
      underWay = undefined;
    });
    await underWay;
  };
}
