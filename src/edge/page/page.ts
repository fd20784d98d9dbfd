/** The page that verifies in a browser: a file, a key, three verdicts. Text of others is only ever set as text. */
import { fromDidKey } from '../../base/did-key.ts';
import { type Report, type Verdict, verifyBundle } from '../../evidence/verify.ts';
import { storyOf } from './story.ts';

const QUESTIONS: readonly (readonly ['integrity' | 'containment' | 'conduct', string])[] = [
  ['integrity', 'signatures, hashes and proofs'],
  ['containment', 'every link of the lineage narrows'],
  ['conduct', 'what happened was allowed, what was refused rightly so'],
];

function element<T extends HTMLElement>(id: string, type: new () => T): T {
  const found = document.getElementById(id);
  if (found instanceof type) return found;
  throw new TypeError(`the page lacks ${id}`);
}

function made(tag: string, text = '', ...inside: readonly Node[]): HTMLElement {
  const node = document.createElement(tag);
  node.textContent = text;
  node.append(...inside);
  return node;
}

const drop = element('drop', HTMLLabelElement);
const file = element('file', HTMLInputElement);
const inputs = ['trust', 'log', 'at'].map((id) => element(id, HTMLInputElement));
const said = element('said', HTMLParagraphElement);
const report = element('report', HTMLElement);
let bytes: Uint8Array | undefined;
/** Only the answer to the latest question is shown. */
let asked = 0;

async function take(given: File | undefined): Promise<void> {
  if (!given) return;
  bytes = new Uint8Array(await given.arrayBuffer());
  element('named', HTMLSpanElement).textContent = `(${given.name})`;
  await judge();
}

async function judge(): Promise<void> {
  asked += 1;
  const own = asked;
  const [trust = '', logKey = '', at = ''] = inputs.map(({ value }) => value.trim());
  report.hidden = true;
  document.body.dataset.verdict = '';
  const time = at === '' ? Date.now() : Date.parse(at);
  const wanting = !bytes
    ? 'Choose a bundle.'
    : trust === ''
      ? 'Paste the authority key that you trust: get it from the operator, not from the bundle.'
      : !fromDidKey(trust)
        ? 'That is not an Ed25519 did:key.'
        : Number.isNaN(time)
          ? 'That is not a time.'
          : '';
  said.textContent = wanting || 'Judging…';
  if (wanting || !bytes) return;
  // Lets the page say so before a large bundle keeps it busy.
  await new Promise((resolve) => setTimeout(resolve, 20));
  const found = await verifyBundle(bytes, { trust, at: time, logKey: logKey === '' ? undefined : logKey });
  if (own === asked) show(found, new TextDecoder().decode(bytes));
}

function show(found: Report, text: string): void {
  element('verdicts', HTMLDivElement).replaceChildren(
    ...QUESTIONS.map(([name, about]) => verdict(name, about, found[name])),
  );
  element('unproven', HTMLUListElement).replaceChildren(...found.not_proven.map((line) => made('li', line)));
  const faulty = new Set(QUESTIONS.flatMap(([name]) => found[name].findings.map((each) => each.sequence_number)));
  const { artifacts, lines, untold } = storyOf(text);
  const rest =
    untold === 0
      ? ''
      : ` Of its ${lines.length + untold} entries, all of them judged, the first ${lines.length} are told.`;
  said.textContent = `${found.valid ? 'The evidence holds.' : 'The evidence is refused.'}${rest}`;
  element('story', HTMLElement).hidden = lines.length === 0;
  table(
    'tree',
    ['Subject', 'Purpose', 'Expires', '', 'Hash'],
    artifacts.map(({ depth, subject, purpose, expires, end, hash }) => [
      `${'\u2003'.repeat(depth)}${subject}`,
      purpose,
      expires,
      end,
      hash,
    ]),
    () => false,
  );
  table(
    'timeline',
    ['#', 'Time', 'What', 'Who', ''],
    lines.map(({ number, time, kind, who, what }) => [String(number), time, kind, who, what]),
    ([number]) => faulty.has(Number(number)),
  );
  report.hidden = false;
  document.body.dataset.verdict = found.valid ? 'good' : 'bad';
}

function verdict(name: string, about: string, { valid, findings }: Verdict): HTMLElement {
  const list = findings.map(({ sequence_number: at, rule, message }) =>
    made(
      'li',
      `${at === null ? 'Bundle' : `Entry ${at}`}: `,
      made('code', rule),
      document.createTextNode(` ${message}`),
    ),
  );
  const box = made(
    'div',
    '',
    made('strong', `${valid ? '✓' : '✕'} ${name}`),
    document.createTextNode(` – ${about}`),
    made('ul', '', ...list),
  );
  box.className = valid ? 'verdict' : 'verdict bad';
  return box;
}

function table(
  id: string,
  heads: readonly string[],
  rows: readonly (readonly string[])[],
  isFound: (row: readonly string[]) => boolean,
): void {
  const body = rows.map((row) => {
    const line = made('tr', '', ...row.map((cell) => made('td', cell)));
    if (isFound(row)) line.className = 'found';
    return line;
  });
  const head = made('thead', '', made('tr', '', ...heads.map((name) => made('th', name))));
  element(id, HTMLTableElement).replaceChildren(head, made('tbody', '', ...body));
}

file.addEventListener('change', () => void take(file.files?.[0]));
for (const input of inputs) input.addEventListener('input', () => void judge());
for (const name of ['dragenter', 'dragover', 'dragleave', 'drop']) {
  document.addEventListener(name, (event) => {
    event.preventDefault();
    drop.classList.toggle('over', name === 'dragenter' || name === 'dragover');
  });
}
document.addEventListener('drop', (event) => void take(event.dataTransfer?.files[0]));
void judge();
