/** Numbers for Prometheus, in its text format 0.0.4. Written here, since a library would load with every start. */

export interface Metrics {
  /** One request was answered after so many milliseconds. */
  request(route: string, status: number, milliseconds: number): void;
  /** Something is open from now until the returned function is called. */
  open(gauge: 'streams'): () => void;
  /** `entries`: on the chain; null where nobody knows. `cosigned`: how many of them, by the name of the witness. */
  text(entries: number | null, cosigned?: ReadonlyMap<string, number>): string;
}

/** Upper bounds of the histogram, in seconds. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];

interface Histogram {
  readonly counts: number[];
  sum: number;
  count: number;
}

export function metrics(): Metrics {
  const requests = new Map<string, { readonly route: string; readonly status: number; count: number }>();
  const durations = new Map<string, Histogram>();
  const gauges = { streams: 0 };
  return {
    request(route, status, milliseconds) {
      const key = `${status} ${route}`;
      const counted = requests.get(key) ?? { route, status, count: 0 };
      counted.count += 1;
      requests.set(key, counted);
      const taken = durations.get(route) ?? { counts: BUCKETS.map(() => 0), sum: 0, count: 0 };
      const seconds = milliseconds / 1000;
      taken.sum += seconds;
      taken.count += 1;
      for (let at = BUCKETS.length - 1; at >= 0 && seconds <= BUCKETS[at]!; at--) taken.counts[at]! += 1;
      durations.set(route, taken);
    },
    open(gauge) {
      gauges[gauge] += 1;
      let isOpen = true;
      return () => {
        if (isOpen) gauges[gauge] -= 1;
        isOpen = false;
      };
    },
    text(entries, cosigned = new Map()) {
      return [
        ...family('aga_http_requests_total', 'counter', 'Requests answered.'),
        ...[...requests.values()].map(
          ({ route, status, count }) => `aga_http_requests_total{route="${route}",status="${status}"} ${count}`,
        ),
        ...family('aga_http_request_duration_seconds', 'histogram', 'Time to the answer.'),
        ...[...durations].flatMap(([route, taken]) => histogramLines(route, taken)),
        ...family('aga_streams_open', 'gauge', 'Event streams that are open.'),
        `aga_streams_open ${gauges.streams}`,
        ...(entries === null
          ? []
          : [...family('aga_chain_entries', 'gauge', 'Entries on the chain.'), `aga_chain_entries ${entries}`]),
        ...(cosigned.size > 0
          ? family('aga_witness_entries', 'gauge', 'Entries of the newest checkpoint that the witness has cosigned.')
          : []),
        ...Array.from(cosigned, ([name, size]) => `aga_witness_entries{witness="${escaped(name)}"} ${size}`),
        ...family('process_resident_memory_bytes', 'gauge', 'Resident memory.'),
        `process_resident_memory_bytes ${process.memoryUsage.rss()}`,
        '',
      ].join('\n');
    },
  };
}

/** A label's value. */
const escaped = (text: string): string => text.replace(/[\\"]/g, '\\$&');

const family = (name: string, type: string, help: string): string[] => [
  `# HELP ${name} ${help}`,
  `# TYPE ${name} ${type}`,
];

function histogramLines(route: string, { counts, sum, count }: Histogram): string[] {
  const name = 'aga_http_request_duration_seconds';
  return [
    ...counts.map((below, at) => `${name}_bucket{route="${route}",le="${BUCKETS[at]}"} ${below}`),
    `${name}_bucket{route="${route}",le="+Inf"} ${count}`,
    `${name}_sum{route="${route}"} ${sum}`,
    `${name}_count{route="${route}"} ${count}`,
  ];
}
