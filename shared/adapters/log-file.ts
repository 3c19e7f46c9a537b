import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { ConvergeError } from '../base/errors.ts';
import { isTime } from '../base/time.ts';
import type { LogEntry, Logs } from '../ports/logs.ts';

/** A line as functions log it; whatever else stands in the file was printed by a library. */
const lineSchema = z.looseObject({
  severity: z.string(),
  message: z.string(),
  time: z.string().refine(isTime),
});

/** The log of the local pipeline's functions: a file of lines, each with the time that Cloud Logging would take it by. */
export function createLogFile(file: string): Logs {
  return {
    async read({ since, mentions, limit }) {
      const found: LogEntry[] = [];
      // As they stand in a line of JSON.
      const wanted = mentions.map((mention) => mention.map((text) => JSON.stringify(text).slice(1, -1)));
      let left = 0;
      try {
        let at = 0;
        for await (const line of createInterface({ input: createReadStream(file, 'utf8'), crlfDelay: Infinity })) {
          at += 1;
          if (!wanted.some((texts) => texts.every((text) => line.includes(text)))) continue;
          const entry = entryOf(line, at);
          if (entry === undefined || entry.time < since.toISOString()) continue;
          found.push(entry);
          if (found.length > limit) left += found.splice(0, 1).length;
        }
      } catch (error) {
        const message = `cannot be read: ${error instanceof Error ? error.message : String(error)}`;
        throw new ConvergeError({
          code: 'LogsUnavailable',
          subject: file,
          message,
          disposition: 'retry',
          cause: error,
        });
      }
      return { entries: found, mayBeMore: left > 0 };
    },
  };
}

function entryOf(line: string, at: number): LogEntry | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  const parsed = lineSchema.safeParse(value);
  if (!parsed.success) return undefined;
  const { severity, message, time, ...fields } = parsed.data;
  return { id: String(at), time, severity, message, fields };
}
