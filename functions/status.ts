import { http } from '@google-cloud/functions-framework';
import { statusRoutes } from './api/status-routes.ts';
import { answeringRoutes } from './delivery.ts';

/** How environments stand, for people and CI: `api/status-routes.ts` says what may be asked. */
http('status', answeringRoutes('status', statusRoutes));
