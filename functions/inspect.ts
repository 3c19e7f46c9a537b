import { http } from '@google-cloud/functions-framework';
import { inspectRoutes } from './api/inspect-routes.ts';
import { answeringRoutes } from './delivery.ts';

/** What is in the cluster of an environment, for the people of `access.people`: `api/inspect-routes.ts` says what may be asked. */
http('inspect', answeringRoutes('inspect', inspectRoutes));
