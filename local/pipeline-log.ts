import { appendFileSync } from 'node:fs';

export interface LogEntry {
  /** `output`: a line that the functions printed; `note`: what the pipeline did; `failure`: a part ended by itself, or would not live on Google Cloud. */
  readonly kind: 'output' | 'note' | 'failure';
  /** `functions`, `delivery`, `git`, `kubernetes`, `pipeline`, ... */
  readonly part: string;
  readonly message: string;
}

/** Into `pipeline.log`, and to whoever started the pipeline. */
export interface PipelineLog {
  noteOf(part: string): (message: string) => void;
  failureOf(part: string): (message: string) => void;
  /** Where a part that ends tells how: a failure, but while the pipeline stops. */
  endOf(part: string): (how: string) => void;
}

export function openLog({
  file,
  tell,
  isStopping,
}: {
  file: string;
  tell: ((entry: LogEntry) => void) | undefined;
  isStopping: () => boolean;
}): PipelineLog {
  const write = (entry: LogEntry): void => {
    appendFileSync(file, `${new Date().toISOString()} ${entry.part}: ${entry.message}\n`);
    tell?.(entry);
  };
  return {
    noteOf: (part) => (message) => write({ kind: 'note', part, message }),
    failureOf: (part) => (message) => write({ kind: 'failure', part, message }),
    endOf: (part) => (how) => {
      if (!isStopping()) write({ kind: 'failure', part, message: `ended by itself: ${how}` });
    },
  };
}
