import { startChild } from '../child.ts';
import { partEnvironment } from '../environment.ts';

export interface StorageService {
  /** `http://127.0.0.1:PORT`, the `apiEndpoint` of a Storage client. */
  readonly url: string;
  readonly pid: number;
  stop(): Promise<void>;
}

export interface StorageOptions {
  readonly program: string;
  /** Its `HOME` and working folder. */
  readonly folder: string;
  /** Where bucket notifications are published. */
  readonly pubsubHost: string;
  readonly onUnexpectedEnd?: (how: string) => void;
}

/** fake-gcs-server in memory, publishing bucket notifications to the local Pub/Sub. */
export async function startStorage(options: StorageOptions): Promise<StorageService> {
  const child = startChild({
    name: 'storage',
    program: options.program,
    environment: partEnvironment({ home: options.folder, variables: { PUBSUB_EMULATOR_HOST: options.pubsubHost } }),
    workingFolder: options.folder,
    ...(options.onUnexpectedEnd === undefined ? {} : { onUnexpectedEnd: options.onUnexpectedEnd }),
  });
  const url = await child.firstLine;
  return { url, pid: child.pid, stop: child.stop };
}
