/** A small web site on this machine, for agents to read. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const PAGES: { readonly [path: string]: string } = {
  '/public/': '<h1>Coast</h1>\n<a href="/public/north">north</a>\n<a href="/public/south">south</a>',
  '/public/north': '<p>The lighthouse in the north is red.</p>\n<a href="/public/islands">islands</a>',
  '/public/south': '<p>In the south there are only dunes.</p>',
  '/public/islands': '<p>Each island has a lighthouse of its own.</p>\n<a href="/public/">back</a>',
  '/private/plans': '<p>The lighthouse will be sold.</p>',
};

export interface Site {
  readonly origin: string;
  /** Paths that were asked for. */
  readonly asked: readonly string[];
  close(): void;
}

export async function site(): Promise<Site> {
  const asked: string[] = [];
  const server = createServer(({ url = '' }, response) => {
    asked.push(url);
    const page = PAGES[url];
    response.writeHead(page === undefined ? 404 : 200, { 'content-type': 'text/html' }).end(page ?? 'not found');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { origin: `http://127.0.0.1:${port}`, asked, close: () => void server.close() };
}
