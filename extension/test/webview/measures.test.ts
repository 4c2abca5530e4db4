import { expect, it } from 'vitest';
import { cells, MEASURES } from '../../webview/run/measures';
import { number, size } from '../../webview/shared/words';

const base = { accuracy: 0.5, perplexity: 100, first_token_ms: 200, tokens_per_second: 20, size_bytes: 600e6 };
const onnx = { accuracy: 0.75, perplexity: 20, first_token_ms: 250, tokens_per_second: 80, size_bytes: 120e6 };

it('tells how a stage differs from the base model, and what is best', () => {
  const made = cells(onnx, base, [base, onnx]);
  expect(made.map(({ text }) => text)).toEqual(['75.0 %', '20', '250 ms', '80', '120 MB']);
  expect(made.map(({ change }) => change)).toEqual([
    '+25.0 points',
    '5 × lower',
    '1.25 × slower',
    '4 × faster',
    '5 × smaller',
  ]);
  expect(made.map(({ verdict }) => verdict)).toEqual(['better', 'better', 'worse', 'better', 'better']);
  expect(made.map(({ best }) => best)).toEqual([true, true, false, true, true]);
});

it('compares nothing with itself, and calls nothing best where all show the same', () => {
  const made = cells(base, undefined, [base, { ...base, size_bytes: 600.1e6 }]);
  expect(made.every(({ change, best }) => !change && !best)).toBe(true);
});

it('shows a dash for what was not measured', () => {
  const made = cells({ accuracy: null, perplexity: Number.NaN }, base, [base]);
  expect(made.map(({ text }) => text)).toEqual(MEASURES.map(() => '–'));
});

it.each([
  [999.9e6, '1 GB'],
  [117153788, '117 MB'],
  [5179049, '5.18 MB'],
  [900, '0.9 kB'],
])('writes %d bytes as %s', (bytes, text) => expect(size(bytes)).toBe(text));

it.each([
  [0.004, '0.004'],
  [0.00002, '2e-5'],
  [4.987, '4.99'],
  [1234.5, '1,235'],
  [0, '0'],
  [100, '100'],
])('writes %d as %s', (value, text) => expect(number(value)).toBe(text));
