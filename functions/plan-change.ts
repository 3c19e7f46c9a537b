import { http } from '@google-cloud/functions-framework';
import { parsePlanRequested } from '../shared/events/plan-requested.ts';
import { planChange } from '../shared/pipeline/plan-change.ts';
import { acknowledging } from './delivery.ts';
import { loadConfig, wire } from './wiring.ts';

/** A pull request: what would it do once it is merged? The host shows it. */
http(
  'planChange',
  acknowledging('planChange', async (event) => {
    const ports = await wire('state', 'repository', 'cluster', 'renderer', 'signatures', 'gitHosts');
    return await planChange(parsePlanRequested(event), ports, loadConfig());
  }),
);
