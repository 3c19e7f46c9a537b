import { http } from '@google-cloud/functions-framework';
import { parseChangeCommitted } from '../shared/events/change-committed.ts';
import { fanOut } from '../shared/pipeline/fan-out.ts';
import { acknowledging } from './delivery.ts';
import { wire } from './wiring.ts';

/** A commit arrived: one job for each environment it affects. */
http(
  'fanOut',
  acknowledging('fanOut', async (event) =>
    fanOut(parseChangeCommitted(event), await wire('repository', 'state', 'topics')),
  ),
);
