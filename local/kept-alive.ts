/**
 * For a server whose clients keep their connections: how long one may be idle, in milliseconds, as with Google's front
 * ends (https://cloud.google.com/load-balancing/docs/https#timeout-keepalive-backends). Node's 5 s end connections in
 * the moment in which a client that has paused for so long sends its next request, which fails then.
 */
export const keptAlive = { keepAliveTimeout: 620_000 };
