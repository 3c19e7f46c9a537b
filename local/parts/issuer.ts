import { once } from 'node:events';
import { createServer } from 'node:http';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { keptAlive } from '../kept-alive.ts';

/** Plays Google as the issuer of ID tokens: a key of its own, whose public half it serves. */
export interface Issuer {
  readonly name: string;
  /** URL of the key set. */
  readonly keys: string;
  /** A token as a service account gets it, valid for an hour. */
  token(claims: { audience: string; email: string }): Promise<string>;
  stop(): Promise<void>;
}

export async function startIssuer(): Promise<Issuer> {
  const { publicKey, privateKey } = await generateKeyPair('RS256');
  const keySet = JSON.stringify({
    keys: [{ ...(await exportJWK(publicKey)), kid: 'local', alg: 'RS256', use: 'sig' }],
  });
  const server = createServer(keptAlive, (_request, response) =>
    response.writeHead(200, { 'content-type': 'application/json' }).end(keySet),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the issuer listens on no port');
  const name = `http://127.0.0.1:${address.port}`;
  return {
    name,
    keys: `${name}/certs`,
    token: ({ audience, email }) =>
      new SignJWT({ azp: email, email, email_verified: true })
        .setProtectedHeader({ alg: 'RS256', kid: 'local', typ: 'JWT' })
        .setIssuer(name)
        .setSubject(email)
        .setAudience(audience)
        .setIssuedAt()
        .setExpirationTime('1h')
        .sign(privateKey),
    async stop() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
