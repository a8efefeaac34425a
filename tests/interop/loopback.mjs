// What the providers share: options, a server on loopback, and the requests that it records.

import { createServer } from 'node:http';
import process from 'node:process';

// The options in the first argument, which is JSON, and the defaults of the others.
export function withDefaults(options) {
  return { ...options, ...JSON.parse(process.argv[2] ?? '{}') };
}

// Serve until standard input ends. `start` gets the origin and the list of requests, which GET /__requests returns, and
// returns a request listener and what is printed once it listens: one line of JSON.
export function serve(start, port = 0) {
  const server = createServer();
  server.listen(port, '127.0.0.1', async () => {
    const requests = [];
    const [listener, printed] = await start(`http://127.0.0.1:${server.address().port}`, requests);
    server.on('request', (request, response) => {
      if (request.url !== '/__requests') return listener(request, response);
      response.setHeader('content-type', 'application/json');
      return response.end(JSON.stringify(requests));
    });
    console.log(JSON.stringify(printed));
  });
  process.stdin.resume();
  process.stdin.on('end', () => process.exit());
}
