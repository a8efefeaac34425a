// A real OpenID provider on loopback: better-auth with its OAuth provider, in memory, and with no pages.
//
//     node better_auth.mjs ['{"access_token_ttl": 3600, ...}']     the options and their defaults: see below
//
// Prints one line of JSON once it listens, and ends when its standard input does.

import { oauthDeviceAuthorization, oauthProvider } from '@better-auth/oauth-provider';
import { betterAuth } from 'better-auth';
import { jwt } from 'better-auth/plugins';

import { serve, withDefaults } from './loopback.mjs';

const options = withDefaults({
  access_token_ttl: 3600, // time to live, in seconds
  refresh_token_ttl: 86_400,
  device_code_ttl: 600,
  id_token_ttl: 3600,
  interval: 5, // seconds between polls
  algorithm: 'ES256', // of ID tokens; null is the provider's own choice
  redirect_uri: 'http://127.0.0.1/callback', // any port is accepted
});

const SCOPES = ['openid', 'profile', 'email', 'offline_access'];
const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';
const CLIENT = 'cli';
const person = { name: 'Juan', email: 'juan@example.com', password: 'only-for-tests' };

serve(async (origin, requests) => {
  const { auth, issuer } = await provider(origin);
  const listener = async (incoming, outgoing) => {
    const { method, url, headers } = incoming;
    const body = Buffer.concat(await incoming.toArray()).toString();
    const response = await auth.handler(new Request(origin + url, { method, headers, body: body || undefined }));
    const text = await response.text();
    requests.push(summary(incoming, body, response, text));
    outgoing.setHeaders(response.headers).writeHead(response.status).end(text);
  };
  return [listener, { issuer, client_id: CLIENT, email: person.email, password: person.password }];
});

async function provider(origin) {
  const auth = betterAuth({
    baseURL: origin,
    secret: 'only-for-tests-only-for-tests-only-for-tests',
    emailAndPassword: { enabled: true },
    rateLimit: { enabled: false },
    telemetry: { enabled: false },
    logger: { level: 'error' },
    plugins: [
      jwt(options.algorithm ? { jwks: { keyPairConfig: { alg: options.algorithm } } } : {}),
      oauthProvider({
        loginPage: '/login',
        consentPage: '/consent',
        scopes: SCOPES,
        accessTokenExpiresIn: options.access_token_ttl,
        refreshTokenExpiresIn: options.refresh_token_ttl,
        idTokenExpiresIn: options.id_token_ttl,
      }),
      oauthDeviceAuthorization({ expiresIn: `${options.device_code_ttl}s`, interval: `${options.interval}s` }),
    ],
  });
  const { adapter, baseURL } = await auth.$context;
  await auth.api.signUpEmail({ body: person });
  await adapter.create({
    model: 'oauthClient',
    data: {
      clientId: CLIENT,
      name: 'Awesome CLI',
      applicationType: 'native',
      tokenEndpointAuthMethod: 'none',
      grantTypes: [DEVICE_GRANT, 'authorization_code', 'refresh_token'],
      responseTypes: ['code'],
      redirectUris: [options.redirect_uri],
      scopes: SCOPES,
    },
  });
  return { auth, issuer: baseURL };
}

// As in provider.mjs, without secrets: the names of parameters, and the value of grant_type alone.
function summary({ method, url, headers }, body, { status }, text) {
  const { pathname, searchParams } = new URL(url, 'http://127.0.0.1');
  const isForm = headers['content-type']?.startsWith('application/x-www-form-urlencoded');
  const sent = isForm ? new URLSearchParams(body) : searchParams;
  return {
    method,
    path: pathname,
    status,
    error: text.startsWith('{') ? (JSON.parse(text).error ?? null) : null,
    grant_type: sent.get('grant_type'),
    parameters: [...sent.keys()].sort(),
  };
}
