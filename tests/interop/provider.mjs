// A real OpenID provider on loopback: panva's certified oidc-provider, with its own pages, in memory.
//
//     node provider.mjs ['{"access_token_ttl": 3600, ...}']     the options and their defaults: see below
//
// Prints one line of JSON once it listens, and ends when its standard input does.

import { generateKeyPairSync } from 'node:crypto';

import { serve, withDefaults } from './loopback.mjs';

// Its notices are about production use; tests keep standard error for what went wrong. They may come on import.
console.info = () => {};
console.warn = () => {};
const { default: Provider } = await import('oidc-provider');

const options = withDefaults({
  port: 0,
  access_token_ttl: 3600, // time to live, in seconds
  refresh_token_ttl: 86_400,
  device_code_ttl: 600,
  id_token_ttl: 3600,
  interval: null, // seconds between polls; the provider names none by itself
  claims: {}, // of the person who signs in, in place of the usual ones
});

const client = {
  application_type: 'native',
  token_endpoint_auth_method: 'none',
  grant_types: ['urn:ietf:params:oauth:grant-type:device_code', 'authorization_code', 'refresh_token'],
  response_types: ['code'],
  redirect_uris: ['http://127.0.0.1/callback', 'http://localhost/callback'], // any port is accepted
};

const key = (kid, alg, ...how) => ({
  ...generateKeyPairSync(...how).privateKey.export({ format: 'jwk' }), kid, alg, use: 'sig',
});

const configuration = {
  clients: [
    { ...client, client_id: 'cli-rs256', client_name: 'Awesome CLI', id_token_signed_response_alg: 'RS256' },
    { ...client, client_id: 'cli-es256', client_name: 'Awesome CLI', id_token_signed_response_alg: 'ES256' },
  ],
  jwks: {
    keys: [key('rsa', 'RS256', 'rsa', { modulusLength: 2048 }), key('ec', 'ES256', 'ec', { namedCurve: 'P-256' })],
  },
  cookies: { keys: ['only-for-tests'] },
  scopes: ['openid', 'offline_access', 'read'],
  claims: { openid: ['sub'], profile: ['name', 'nickname'], email: ['email', 'email_verified'] },
  findAccount: (_, sub) => ({
    accountId: sub,
    claims: () => ({
      sub, name: 'Juan', nickname: 'juanito', email: `${sub}@example.com`, email_verified: true, ...options.claims,
    }),
  }),
  rotateRefreshToken: true, // and using an old one again revokes the whole grant
  ttl: {
    AccessToken: options.access_token_ttl,
    RefreshToken: options.refresh_token_ttl,
    DeviceCode: options.device_code_ttl,
    IdToken: options.id_token_ttl,
    Grant: options.refresh_token_ttl,
    Interaction: options.device_code_ttl,
    Session: options.device_code_ttl,
  },
  features: {
    deviceFlow: { enabled: true },
    revocation: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (_, resource) => ({
        audience: resource,
        scope: 'read',
        accessTokenFormat: 'jwt',
        accessTokenTTL: options.access_token_ttl,
        jwt: { sign: { alg: 'RS256' } },
      }),
    },
  },
};

serve((issuer, requests) => {
  const provider = new Provider(issuer, configuration);
  provider.use(remember(requests));
  if (options.interval) provider.use(pace);
  const [rs256, es256] = configuration.clients;
  return [provider.callback(), { issuer, client_id: rs256.client_id, client_id_es256: es256.client_id }];
}, options.port);

async function pace(ctx, next) {
  await next();
  if (ctx.path === '/device/auth' && ctx.status === 200) ctx.body = { ...ctx.body, interval: options.interval };
}

// What was asked and how it ended: names of parameters, but the values only of those that are no secret.
function remember(requests) {
  return async (ctx, next) => {
    await next();
    const sent = ctx.oidc?.body ?? {};
    requests.push({
      method: ctx.method,
      path: ctx.path,
      status: ctx.status,
      error: ctx.body?.error ?? null,
      grant_type: sent.grant_type ?? null,
      parameters: Object.keys(sent).sort(),
    });
  };
}
