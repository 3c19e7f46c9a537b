import { startChild } from '../child.ts';
import { partEnvironment } from '../environment.ts';

export interface PubSubService {
  /** `127.0.0.1:PORT`, as `PUBSUB_EMULATOR_HOST` takes it. */
  readonly host: string;
  readonly pid: number;
  stop(): Promise<void>;
}

export interface PubSubOptions {
  readonly program: string;
  /** Its `HOME` and working folder. */
  readonly folder: string;
  readonly onUnexpectedEnd?: (how: string) => void;
}

/** Google's own in-memory Pub/Sub server. It pulls only: `delivery.ts` plays the push subscriptions. */
export async function startPubSub(options: PubSubOptions): Promise<PubSubService> {
  const child = startChild({
    name: 'pubsub',
    program: options.program,
    environment: partEnvironment({ home: options.folder }),
    workingFolder: options.folder,
    ...(options.onUnexpectedEnd === undefined ? {} : { onUnexpectedEnd: options.onUnexpectedEnd }),
  });
  const host = await child.firstLine;
  return { host, pid: child.pid, stop: child.stop };
}
