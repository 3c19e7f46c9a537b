import { AsyncLocalStorage } from 'node:async_hooks';

/*
 * Stands in for Node's `domain` in the functions framework, which answers a request whose function fails by an error
 * that nobody awaits. Node's follows each promise by a hook of its own, a fifth of the time that a busy instance takes;
 * the storage costs nothing where nothing fails.
 */

type OnError = (error: unknown) => void;

/** What of Node's `Domain` the framework uses. */
export interface RequestDomain {
  on(event: 'error', onError: OnError): void;
  run(work: () => void): void;
}

const requests = new AsyncLocalStorage<{ readonly onError: OnError[] }>();
let isWatching = false;

export function create(): RequestDomain {
  watch();
  const request: { readonly onError: OnError[] } = { onError: [] };
  return {
    on: (_event, onError) => void request.onError.push(onError),
    run: (work) => requests.run(request, work),
  };
}

/**
 * What fails in no request is left to those who listened before: the framework, which does so before the first request
 * comes, and ends the instance.
 */
function watch(): void {
  if (isWatching) return;
  isWatching = true;
  takeOver('uncaughtException');
  takeOver('unhandledRejection');
}

function takeOver(event: 'uncaughtException' | 'unhandledRejection'): void {
  // `rawListeners` of both take the error first; the second argument differs, and is handed on as it came.
  const others = process.rawListeners(event);
  process.removeAllListeners(event);
  process.on(event, (error: unknown, ...more: unknown[]) => {
    const request = requests.getStore();
    if (request !== undefined) for (const onError of request.onError) onError(error);
    else if (others.length === 0) throw error;
    else for (const other of others) Reflect.apply(other, process, [error, ...more]);
  });
}
