import { http } from '@google-cloud/functions-framework';
import { actRoutes } from './api/act-routes.ts';
import { answeringRoutes } from './delivery.ts';

/** What the people of `access.people` do on purpose: `api/act-routes.ts` says what may be asked. */
http('act', answeringRoutes('act', actRoutes));
