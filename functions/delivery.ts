import type { CloudEvent, Request, Response } from '@google-cloud/functions-framework';
import { ConvergeError, describeError } from '../shared/errors.ts';
import { encodeDeadLetter } from '../shared/events/dead-letter.ts';
import { log, wire } from './wiring.ts';

/*
 * The one place where it is decided what becomes of a message whose work failed. A later try may mend it: throw, so that
 * the platform delivers it again. It is wrong and stays wrong: put it on the dead-letter topic and acknowledge. An error
 * that nobody foresaw is retried; the subscription gives up after its last attempt.
 */
export function acknowledging<T>(stage: string, handle: (event: CloudEvent<T>) => Promise<object>): (event: CloudEvent<T>) => Promise<void> {
  return async (event) => {
    const fields = { stage, event: event.id, subject: event.subject };
    const startedAt = performance.now();
    try {
      const result = await handle(event);
      log('INFO', `${stage} done`, { ...fields, milliseconds: Math.round(performance.now() - startedAt), result });
    } catch (error) {
      const refused = error instanceof ConvergeError && error.disposition === 'refuse' ? error : undefined;
      log(refused === undefined ? 'WARNING' : 'ERROR', `${stage} failed`, { ...fields, code: error instanceof ConvergeError ? error.code : undefined, error: describeError(error) });
      if (refused === undefined) throw error;
      const { topics, now } = await wire('topics');
      const letter = {
        stage,
        reason: refused.code,
        message: refused.problem,
        subject: refused.subject,
        event: { id: event.id, type: event.type, source: event.source, subject: event.subject, data: event.data },
      };
      await topics.publish('dead-letter', encodeDeadLetter(letter, now()));
    }
  };
}

const statusOfCode: Partial<Record<ConvergeError['code'], number>> = { BadSignature: 401, BadRequest: 400 };

/** The same decision for a function that is called over HTTP: the status tells the caller whether to come again. */
export function answering(stage: string, handle: (request: Request) => Promise<{ status: number; body: object }>): (request: Request, response: Response) => Promise<void> {
  return async (request, response) => {
    try {
      const { status, body } = await handle(request);
      response.status(status).json(body);
    } catch (error) {
      log('ERROR', `${stage} failed`, { stage, error: describeError(error) });
      const known = error instanceof ConvergeError ? error : undefined;
      const status = known?.disposition === 'refuse' ? (statusOfCode[known.code] ?? 500) : 503;
      response.status(status).json({ error: { code: known?.code ?? 'Internal', message: known?.message ?? 'an unexpected error; the log says more' } });
    }
  };
}
